/** How long farlet's own certificates are valid, told when it is asked for. Composition only. */
import { X509Certificate } from 'node:crypto';
import type { Metrics } from '../../telemetry/metrics.ts';
import type { Clock } from '../../util/clock.ts';

/**
 * A kubelet's gauges (pkg/kubelet/certificate/kubelet.go): negative once it has expired, +Inf where there is
 * none.
 */
export function showCertificates(
  metrics: Metrics,
  {
    server,
    client,
    clock,
  }: {
    readonly server: () => string | Buffer;
    readonly client: () => string | Buffer | undefined;
    readonly clock: Pick<Clock, 'now'>;
  },
): void {
  const serverEnds = end(server);
  const clientEnds = end(client);
  const ttl = (ends: number): number =>
    Number.isFinite(ends) ? Math.trunc((ends - clock.now()) / 1000) : Infinity;
  metrics.beforeText(() => {
    metrics.kubelet_certificate_manager_server_ttl_seconds.set(ttl(serverEnds()));
    metrics.kubelet_certificate_manager_client_ttl_seconds.set(ttl(clientEnds()));
  });
}

/** When a certificate ends that may be another one the next time. */
function end(certificate: () => string | Buffer | undefined): () => number {
  let known: { pem: string | Buffer; ends: number } | undefined;
  return () => {
    const pem = certificate();
    if (pem === undefined) return Infinity;
    if (known?.pem !== pem) known = { pem, ends: expiry(pem) };
    return known.ends;
  };
}

function expiry(pem: string | Buffer): number {
  try {
    return Date.parse(new X509Certificate(pem).validTo);
  } catch {
    // its user says what is wrong with it
    return Infinity;
  }
}
