/**
 * Every answer of the kubelet API that was recorded on a real kubelet, who may call it, and what kubectl does
 * over it: here (`make test`) or over ssh or tcp (`make test-remote`).
 */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { before, describe, it } from 'node:test';
import { askKubelet, type KubeletAnswer } from '../harness/kubelet-client.ts';
import { link, linkHosts, nearAddress } from '../harness/link-hosts.ts';
import { useNamespace } from '../harness/namespace.ts';
import { Authority } from '../harness/pki.ts';
import { shell } from '../harness/pods.ts';
import { recordedRoutes, type RouteRow } from '../harness/routes.ts';
import { routeRights, type RouteRight } from '../../src/testing/route-rights.ts';
import { useWorld } from '../harness/world.ts';

const world = useWorld({
  hosts: linkHosts,
  farlet: { config: { address: '0.0.0.0' }, node: ({ name }) => ({ nodeIP: nearAddress(world.host(name)) }) },
});
const PROBE = 'echo one; echo two >&2; i=0; while true; do echo line $i; i=$((i+1)); sleep 1; done';

/** Rows whose answer depends on the moment or the machine: what it must look like. */
const forms: Record<string, RegExp> = {
  'GET /containerLogs/default/api-probe/c?tailLines=2': /^line \d+\nline \d+\n$/,
  // the order of lines of two streams is the runtime's
  'GET /containerLogs/default/api-probe/c?limitBytes=9': /^(one|two)\n[^]{5}$/,
  'GET /containerLogs/default/api-probe/c?tailLines=1&timestamps=true':
    /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z line \d+\n$/,
  'GET /containerLogs/default/api-probe/c?sinceSeconds=2': /^(line \d+\n){1,3}$/,
  // collected or not yet: a kubelet answers either way
  'GET /containerLogs/default/api-crash/c?previous=true':
    /^(attempt\n|unable to retrieve container logs for containerd:\/\/[0-9a-f]{64})$/,
  // the runtime's own words, passed on
  'GET /exec/default/api-probe/c?command=id&output=1': /^unable to upgrade: .*X-Stream-Protocol-Version/,
  'POST /stats/summary':
    /^\{\n "node": \{\n  "nodeName": "[^"]+",\n  "systemContainers": \[\n   \{\n    "name": "pods",/,
  'GET /pods/': /^\{"kind":"PodList","apiVersion":"v1","metadata":\{\},"items":\[\{"metadata":\{/,
  'GET /logs/':
    /^<!doctype html>\n<meta name="viewport" content="width=device-width">\n<pre>\n(<a href="[^"]+">[^<]+<\/a>\n)+<\/pre>\n$/,
  'POST /checkpoint/default/api-probe/c': /^checkpointing of \S+\/api-probe\/c failed \(rpc error: code = /,
};

for (const node of world.nodes) {
  describe(`kubelet API of ${node}`, () => {
    const api = useNamespace(world, { name: `api-${node}`, node });
    const ask = (path: string, method = 'GET', headers = {}): Promise<KubeletAnswer> =>
      askKubelet({
        url: world.farlet.kubeletUrl(node),
        path,
        method,
        headers,
        as: world.plane.kubeletClient,
      });

    before(async () => {
      // a far host's /var/log is its own, and nobody else writes there
      if (link !== 'unix') writeFileSync(`${world.host(node).root()}/var/log/boot.log`, 'here it began\n');
      await api.createPod('api-probe', { containers: [shell(PROBE)] });
      await api.createPod('api-crash', { containers: [shell('echo attempt; exit 1')] });
      await api.createPod('api-wait', { containers: [{ name: 'c', image: '127.0.0.1:1/none:1' }] });
      await api.waitWaiting('api-wait', 'ImagePullBackOff');
      await api.waitWaiting('api-crash', 'CrashLoopBackOff');
      await api.wait('a few lines', async () =>
        (await api.kubectl(['logs', 'api-probe'])).includes('line 3'),
      );
    });

    describe('answers as a kubelet does', () => {
      for (const row of recordedRoutes()) {
        const key = `${row.method} ${row.path}`;
        it(`${key} → ${row.code}`, async () => {
          const here = (text: string): string => text.replaceAll('default/', `${api.name}/`);
          const upgrade = row.body.startsWith('unable to upgrade')
            ? { connection: 'Upgrade', upgrade: 'SPDY/3.1' }
            : {};
          const answer = await ask(here(row.path), row.method, upgrade);
          compare(answer, { ...row, body: here(row.body) }, key);
        });
      }

      it('takes a uid in the path, and only the pod’s own', async () => {
        const { uid } = (await api.pod('api-probe')).metadata;
        const path = (kind: string, id: string, rest: string): string =>
          `/${kind}/${api.name}/api-probe/${id}${rest}`;
        const run = await ask(path('run', uid, '/c?cmd=echo%20hi'), 'POST');
        assert.deepEqual([run.code, run.body], [200, 'hi\n']);
        const foreign = await ask(path('run', 'other', '/c?cmd=id'), 'POST');
        assert.deepEqual([foreign.code, foreign.body], [500, 'container not found ("c")']);
        const forward = await ask(path('portForward', 'other', ''), 'POST');
        assert.deepEqual([forward.code, forward.body], [404, 'pod not found']);
      });

      it('HEAD is no GET, a body is no reason to refuse, an upgrade elsewhere is ignored', async () => {
        assert.equal((await ask('/pods', 'HEAD')).code, 405);
        assert.equal((await ask('/healthz', 'HEAD')).code, 200);
        const typed = await ask(`/run/${api.name}/api-probe/c?cmd=true`, 'POST', {
          'content-type': 'application/json',
        });
        assert.equal(typed.code, 200);
        const upgraded = await ask('/healthz', 'GET', { connection: 'Upgrade', upgrade: 'h2c' });
        assert.deepEqual([upgraded.code, upgraded.body], [200, 'ok']);
      });

      it('no path leads around its permission', async () => {
        for (const path of ['//metrics', '/logs/../../etc/passwd', '/logs/%2e%2e/%2e%2e/etc/passwd'])
          assert.equal((await ask(path)).code, 404, path);
      });

      it('health in detail', async () => {
        const { body } = await ask('/healthz?verbose');
        assert.equal(body, '[+]ping ok\n[+]log ok\n[+]syncloop ok\nhealthz check passed\n');
      });

      it('what runs, the configuration', async () => {
        const running = JSON.parse((await ask('/runningpods/')).body) as {
          items: { metadata: { name: string; namespace: string }; spec: { containers: unknown[] | null } }[];
        };
        const own = running.items.filter(({ metadata }) => metadata.namespace === api.name);
        assert.deepEqual(
          own.find(({ metadata }) => metadata.name === 'api-probe')?.spec.containers?.length,
          1,
        );
        assert.equal(own.find(({ metadata }) => metadata.name === 'api-wait')?.spec.containers, null);
        const { kubeletconfig } = JSON.parse((await ask('/configz')).body) as {
          kubeletconfig: Record<string, unknown>;
        };
        assert.equal(kubeletconfig.kind, 'KubeletConfiguration');
        assert.equal(kubeletconfig.nodeStatusUpdateFrequency, '10s');
        assert.deepEqual((kubeletconfig.authentication as { webhook: unknown }).webhook, {
          enabled: true,
          cacheTTL: '2m0s',
        });
      });

      it('the metrics of what happened to the pods', async () => {
        const { body } = await ask('/metrics');
        for (const series of [
          'kubelet_running_pods',
          'kubelet_active_pods{static=""}',
          'kubelet_working_pods{config="desired",static="",lifecycle="sync"}',
          'kubelet_containers_per_pod_count_count',
          'kubelet_pod_worker_start_duration_seconds_count',
          'kubelet_pod_start_duration_seconds_count',
          'kubelet_pod_start_total_duration_seconds_count',
          'kubelet_pod_start_sli_duration_seconds_count',
          'kubelet_first_network_pod_start_sli_duration_seconds',
          'kubelet_pleg_pod_relist_duration_seconds_count',
          'kubelet_terminated_containers_total{container_type="container",exit_code="1",reason="Error"}',
          'kubelet_cgroup_version',
          'kubelet_cgroup_manager_duration_seconds_count{operation_type="create"}',
          'kubelet_http_inflight_requests{method="GET",path="metrics",server_type="readwrite",long_running="false"}',
          'kubelet_certificate_manager_server_ttl_seconds',
        ])
          assert.ok(
            body
              .split('\n')
              .some((line) => line.startsWith(`${series} `) && Number(line.split(' ').at(-1)) > 0),
            `${series} is to be more than 0; what there is: ${body.match(/^kubelet_.*/gm)?.join('\n') ?? 'nothing'}`,
          );
      });

      it(
        'logs of the host',
        { skip: link === 'unix' && 'the host is this machine, and its /var/log is no business of tests' },
        async () => {
          assert.match((await ask('/logs/')).body, /^<a href="boot\.log">boot\.log<\/a>$/m);
          assert.equal((await ask('/logs/boot.log')).body, 'here it began\n');
        },
      );

      it('the API server proxies to it', async () => {
        const proxied = (path: string): Promise<string> =>
          world.plane.kubectl(['get', '--raw', `/api/v1/nodes/${node}/proxy/${path}`]);
        const pods = JSON.parse(await proxied('pods')) as { items: { metadata: { name: string } }[] };
        assert.ok(pods.items.some(({ metadata }) => metadata.name === 'api-probe'));
        assert.equal(await proxied('healthz'), 'ok');
        assert.match(await proxied('logs/'), /^<!doctype html>/);
      });
    });

    describe('lets in who may', () => {
      const asToken = async (token: string, path: string, method = 'GET'): Promise<KubeletAnswer> =>
        askKubelet({ url: world.farlet.kubeletUrl(node), path, method, as: { token } });
      const token = async (account: string): Promise<string> =>
        (await api.kubectl(['create', 'token', account])).trim();
      const account = async (name: string, subresources: readonly string[]): Promise<string> => {
        await api.kubectl(['create', 'serviceaccount', name]);
        const role = `${api.name}-${name}`;
        const resource = `--resource=${subresources.map((each) => `nodes/${each}`).join(',')}`;
        await world.plane.kubectl(['create', 'clusterrole', role, '--verb=get,create', resource]);
        await world.plane.kubectl([
          'create',
          'clusterrolebinding',
          role,
          `--clusterrole=${role}`,
          `--serviceaccount=${api.name}:${name}`,
        ]);
        return token(name);
      };

      it('401 without credentials, with a bad token, with a certificate of another CA or another use', async () => {
        const url = world.farlet.kubeletUrl(node);
        const stranger = await Authority.create(`${world.folder}/stranger-${node}`, 'stranger');
        const foreign = await stranger.issue('admin', {
          cn: 'admin',
          o: 'system:masters',
          usage: 'clientAuth',
        });
        for (const as of [undefined, { token: 'nonsense' }, foreign]) {
          for (const [method, path] of [
            ['GET', '/pods'],
            ['GET', '/healthz'],
            ['GET', '/nope'],
            ['POST', `/exec/${api.name}/api-probe/c?command=id&output=1`],
          ] as const) {
            const answer = await askKubelet({ url, path, method, ...(as === undefined ? {} : { as }) });
            assert.deepEqual([answer.code, answer.body], [401, 'Unauthorized'], `${method} ${path}`);
          }
        }
        const upgrade = await askKubelet({
          url,
          path: `/exec/${api.name}/api-probe/c?command=id&output=1`,
          method: 'POST',
          headers: { connection: 'Upgrade', upgrade: 'SPDY/3.1' },
        });
        assert.deepEqual([upgrade.code, upgrade.body], [401, 'Unauthorized']);
      });

      it('403 in the kubelet’s words for a service account without rights', async () => {
        const poor = await token('default');
        const user = `system:serviceaccount:${api.name}:default`;
        const rows: [string, string, string, string][] = [
          ['GET', '/pods', 'get', 'pods proxy'],
          ['GET', '/metrics', 'get', 'metrics'],
          ['GET', '/healthz/ping', 'get', 'healthz proxy'],
          ['GET', '/configz', 'get', 'configz proxy'],
          ['GET', '/logs/', 'get', 'log'],
          ['GET', '/stats/summary', 'get', 'stats'],
          ['POST', `/checkpoint/${api.name}/api-probe/c`, 'create', 'checkpoint'],
          ['POST', `/exec/${api.name}/api-probe/c?command=id&output=1`, 'create', 'proxy'],
          ['GET', `/exec/${api.name}/api-probe/c?command=id&output=1`, 'create', 'proxy'],
          ['DELETE', '/pods', 'delete', 'pods proxy'],
        ];
        for (const [method, path, verb, subresources] of rows) {
          const answer = await asToken(poor, path, method);
          assert.deepEqual(
            [answer.code, answer.body],
            [
              403,
              `Forbidden (user=${user}, verb=${verb}, resource=nodes, subresource(s)=[${subresources}])\n`,
            ],
          );
        }
      });

      describe('on every route', () => {
        const forms: Record<string, (path: string) => string> = {
          plain: (path) => path,
          encoded: (path) => path.replace(/[a-z]/gi, (letter) => `%${letter.charCodeAt(0).toString(16)}`),
        };
        let routes: RouteRight[] = [];
        before(async () => {
          // the others are walked without a cluster (src/api/server/access-walk.test.ts)
          routes = (await routeRights()).routes.filter(
            ({ method, url }) => ['GET', 'POST'].includes(method) && (url === '/' || !url.endsWith('/')),
          );
        });

        it('401 for who is nobody here', async () => {
          const url = world.farlet.kubeletUrl(node);
          const strange = await Authority.create(`${world.folder}/strange-${node}`, 'strange');
          const admin = { cn: 'admin', o: 'system:masters' } as const;
          const callers = [
            undefined,
            { token: 'nonsense' },
            await strange.issue('admin', { ...admin, usage: 'clientAuth' }),
            (await world.plane.account(`late-${node}`, { ...admin, days: -1 })).pair,
          ];
          for (const as of callers)
            for (const { method, path } of routes)
              for (const [form, write] of Object.entries(forms)) {
                const target = { url, path: write(path), method };
                const { code } = await askKubelet({ ...target, ...(as === undefined ? {} : { as }) });
                assert.equal(code, 401, `${method} ${path}, ${form}`);
              }
        });

        for (const subresource of [
          ...['proxy', 'pods', 'healthz', 'configz', 'metrics', 'stats', 'log', 'checkpoint'],
        ])
          it(`nodes/${subresource} opens what asks for it, and nothing else`, async () => {
            const name = `walk-${subresource}`;
            const bearer = await account(name, [subresource]);
            for (const { method, path, subresources } of routes)
              for (const [form, write] of Object.entries(forms)) {
                const { code } = await asToken(bearer, write(path), method);
                const isIn = subresources.includes(subresource);
                assert.equal(code !== 403, isIn, `${method} ${path}, ${form}: ${String(code)}`);
                assert.notEqual(code, 401);
              }
          });
      });

      it('nodes/proxy opens all but what has a permission of its own', async () => {
        const proxy = await account('proxy', ['proxy']);
        for (const path of [
          '/pods',
          '/runningpods/',
          '/healthz',
          '/configz',
          `/containerLogs/${api.name}/api-probe/c?tailLines=1`,
        ])
          assert.equal((await asToken(proxy, path)).code, 200, path);
        const apart = ['/metrics', '/metrics/cadvisor', '/metrics/resource', '/logs/', '/stats/summary'];
        for (const path of apart) assert.equal((await asToken(proxy, path)).code, 403, path);
      });

      it('fine-grained permissions open just their own', async () => {
        const fine = await account('fine', ['pods', 'healthz', 'metrics', 'log']);
        const ofMetrics = ['', '/cadvisor', '/resource', '/probes', '/slis'].map((page) => `/metrics${page}`);
        for (const path of [
          '/pods',
          '/runningpods/',
          '/healthz',
          '/healthz/syncloop',
          ...ofMetrics,
          '/logs/',
        ])
          assert.equal((await asToken(fine, path)).code, 200, path);
        for (const path of [
          '/configz',
          '/stats/summary',
          `/containerLogs/${api.name}/api-probe/c`,
          '//metrics',
        ])
          assert.equal((await asToken(fine, path)).code, 403, path);
      });
    });
  });
}

function compare(answer: KubeletAnswer, row: RouteRow, key: string): void {
  const { code, type, body } = { ...row, body: forms[key] };
  assert.equal(answer.code, code, answer.body);
  // where the kubelet names no type, text says no more
  assert.ok(answer.type === type || (type === '' && answer.type.startsWith('text/plain')), answer.type);
  if (body !== undefined) assert.match(answer.body, body);
  else assert.equal(answer.body, row.body);
}
