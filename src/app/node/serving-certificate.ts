/** The kubelet API's certificate, where the cluster is to sign it (serverTLSBootstrap). Composition only. */
import type { KubeletApiOptions } from './kubelet-api.ts';
import { nodeReference } from '../../model/pod-ref.ts';
import { ServingCertificate } from '../../node/serving-certificate.ts';
import { supervise } from '../../util/supervise.ts';
import type { Pair } from '../../util/x509.ts';

/** What the cluster has signed last; undefined: the certificate is not the cluster's to sign. */
export function signedCertificate(options: KubeletApiOptions): (() => Pair | undefined) | undefined {
  const { app, config, node, nodeIPs, kube, approver, clock, log, signal } = options;
  if (!config.serverTLSBootstrap) return undefined;
  const { metrics, events, faults } = app;
  const certificate = new ServingCertificate({
    client: kube,
    node: node.name,
    names: () => {
      const ofHosts = app.addresses();
      // not before it is known where the hosts are, or the next request would follow at once
      const ips = ofHosts.length === 0 ? [] : [...new Set([...nodeIPs, ...ofHosts])];
      return { dnsNames: [node.name], ips };
    },
    approver: config.approveServingCertificates ? approver : undefined,
    onProblem: (problem) => {
      events.event(
        nodeReference(node.name),
        problem === undefined ? 'ServingCertificateSigned' : 'ServingCertificateNotSigned',
        problem ?? `the cluster has signed the certificate of ${node.name}'s kubelet API`,
      );
    },
    onRotation: (seconds) => {
      metrics.kubelet_certificate_manager_server_rotation_seconds.observe(seconds);
    },
    onFailure: () => {
      metrics.kubelet_server_expiration_renew_errors.inc();
    },
    clock,
    log,
  });
  supervise('kubelet-api', (life) => certificate.run(life), { faults, clock, signal }).catch(() => undefined);
  return certificate.current.bind(certificate);
}
