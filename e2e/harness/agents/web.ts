/** Pods that say who answers and whom they see, a Service of theirs, and what asks it. */
import { deployment, SLEEP } from '../pods.ts';

export const WEB_PORT = 8080;

/** Says which pod answers, and from which address it was asked. */
const PROGRAM = [
  'mkdir -p /tmp/www/cgi-bin',
  `printf '#!/bin/sh\\npeer=\${REMOTE_ADDR##*:}; echo; echo "$(hostname) \${peer%%%%]}"\\n' >/tmp/www/cgi-bin/who`,
  'chmod +x /tmp/www/cgi-bin/who',
  `httpd -p ${WEB_PORT} -h /tmp/www`,
  SLEEP,
].join('\n');

/** Its image has curl too. */
export function web(port: object = {}): object {
  return {
    name: 'c',
    image: 'localhost/curl:1',
    command: ['sh', '-c', PROGRAM],
    ports: [{ containerPort: WEB_PORT, ...port }],
    readinessProbe: { httpGet: { path: '/cgi-bin/who', port: WEB_PORT }, periodSeconds: 1 },
  };
}

export function webPods(name: string, { replicas, node }: { replicas: number; node: string }): object {
  return deployment(name, { node, replicas, spec: { containers: [web()] } });
}

/** Of the pods `web`. */
export function webService(name: string, spec: object): object {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name },
    spec: { selector: { app: 'web' }, ports: [{ port: 80, targetPort: WEB_PORT }], ...spec },
  };
}
