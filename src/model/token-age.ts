/**
 * A pod's service account token is renewed after a day at the latest, however long it is valid: maxTTL in
 * pkg/kubelet/token/token_manager.go.
 */
export const MAX_TOKEN_AGE_MS = 24 * 3_600_000;
