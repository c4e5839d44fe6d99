/**
 * A name as DNS has them (RFC 1123 subdomain, apimachinery util/validation IsDNS1123Subdomain); its length is
 * not looked at.
 */
export const dnsSubdomain = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
