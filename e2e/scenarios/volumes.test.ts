/**
 * Volumes of every kind on a real control plane and both containerds, here (`make test`) or over ssh or tcp
 * (`make test-remote`).
 */
import assert from 'node:assert/strict';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { before, describe, it } from 'node:test';
import { linkHosts } from '../harness/link-hosts.ts';
import { useNamespace } from '../harness/namespace.ts';
import { shell, SLEEP } from '../harness/pods.ts';
import { useWorld } from '../harness/world.ts';

const world = useWorld({ hosts: linkHosts });

for (const { name: node, version } of linkHosts) {
  describe(`volumes on ${node}`, () => {
    /** a folder on the host; known once it has started */
    let data = '';
    /** a path on the host, as it is reached from here */
    const at = (path: string): string => `${world.host(node).root()}${path}`;
    /** what a command printed that was run on the host */
    const inside = async (...command: readonly string[]): Promise<string> => {
      const { code, stdout, stderr } = await world.host(node).inside(command);
      assert.equal(code, 0, `${command.join(' ')}: ${stderr}`);
      return stdout;
    };
    const mountsAt = async (path: string): Promise<string[]> =>
      (await inside('awk', '{print $5}', '/proc/self/mountinfo'))
        .split('\n')
        .filter((point) => point === path || point.startsWith(`${path}/`));
    const pods = useNamespace(world, { name: `volumes-${node}`, node });
    const { kubectl, create, createPod, pod: getPod, waitReady: ready, sh, wait, deletePods } = pods;
    const told = (pod: string, text: string): Promise<unknown> =>
      wait(`an event of ${pod} that says ${text}`, async () =>
        (await pods.events(pod)).some(({ message }) => message.includes(text)),
      );
    const podDir = (uid: string): string => `${world.host(node).folder}/farlet/pods/${uid}`;
    const uidOf = async (name: string): Promise<string> => (await getPod(name)).metadata.uid;
    const with1 = (volume: object, mount: object = {}, more: object = {}): Record<string, unknown> => ({
      volumes: [{ name: 'v', ...volume }],
      containers: [shell(SLEEP, { volumeMounts: [{ name: 'v', mountPath: '/v', ...mount }], ...more })],
    });
    const persistent = async (
      name: string,
      spec: object,
      claim: object = {},
      metadata: object = {},
    ): Promise<void> => {
      const shared = { accessModes: ['ReadWriteOnce'], storageClassName: '' };
      const capacity = { storage: '1Gi' };
      await create({
        apiVersion: 'v1',
        kind: 'PersistentVolume',
        metadata: { name: `${name}-${node}`, ...metadata },
        spec: { ...shared, capacity, ...spec },
      });
      await create({
        apiVersion: 'v1',
        kind: 'PersistentVolumeClaim',
        metadata: { name },
        spec: { ...shared, resources: { requests: capacity }, volumeName: `${name}-${node}`, ...claim },
      });
      await wait(
        `claim ${name} to be bound`,
        async () => (await kubectl(['get', 'pvc', name, '-o', 'jsonpath={.status.phase}'])) === 'Bound',
      );
    };
    const affinity = (value: string): object => ({
      nodeAffinity: {
        required: {
          nodeSelectorTerms: [
            { matchExpressions: [{ key: 'kubernetes.io/hostname', operator: 'In', values: [value] }] },
          ],
        },
      },
    });

    before(() => {
      data = `${world.host(node).folder}/data`;
      mkdirSync(at(data));
    });

    it('keeps emptyDirs over container restarts and restarts of farlet, whatever their mode', async () => {
      const limits = { resources: { limits: { memory: '64Mi' } } };
      await createPod('empty', {
        securityContext: { fsGroup: 2345 },
        volumes: [
          { name: 'disk', emptyDir: {} },
          { name: 'memory', emptyDir: { medium: 'Memory' } },
          { name: 'small', emptyDir: { medium: 'Memory', sizeLimit: '1Mi' } },
        ],
        containers: [
          shell(`echo x >> /disk/starts; echo x >> /memory/starts; ${SLEEP}`, {
            ...limits,
            volumeMounts: ['disk', 'memory', 'small'].map((name) => ({ name, mountPath: `/${name}` })),
          }),
        ],
      });
      await ready('empty');
      assert.equal(
        await sh('empty', 'stat -c "%a %g" /disk /memory /small; id -G'),
        '2777 2345\n3777 2345\n3777 2345\n0 2345\n',
      );
      assert.equal(await sh('empty', `df -k /memory /small | awk 'NR>1{print $2}'`), `${64 * 1024}\n1024\n`);
      await sh('empty', 'chmod 700 /disk; echo full > /small/f; kill 1').catch(() => undefined);
      await wait(
        'a restart',
        async () => (await getPod('empty')).status.containerStatuses?.[0]?.restartCount === 1,
      );
      await ready('empty');
      assert.equal(await sh('empty', 'cat /disk/starts /memory/starts /small/f'), 'x\nx\nx\nx\nfull\n');
      await world.farlet.stop('SIGKILL');
      world.farlet.start();
      await wait('farlet to be healthy', async () => (await fetch(world.farlet.healthUrl)).ok);
      await createPod('after-restart', with1({ emptyDir: {} }));
      await ready('after-restart');
      assert.equal(await sh('empty', 'stat -c %a /disk; cat /small/f'), '700\nfull\n');
      await deletePods('empty', 'after-restart');
    });

    it('says why it gives no huge pages', async () => {
      await createPod('no-request', with1({ emptyDir: { medium: 'HugePages' } }));
      await told(
        'no-request',
        'MountVolume.SetUp failed for volume "v" : medium HugePages: hugePages storage requested, but there is no resource request for huge pages',
      );
      await deletePods('no-request');
    });

    it('checks the type of a hostPath', async () => {
      writeFileSync(at(`${data}/file`), 'kept');
      await createPod('types', {
        volumes: [
          { name: 'dir', hostPath: { path: `${data}/made/deep`, type: 'DirectoryOrCreate' } },
          { name: 'new', hostPath: { path: `${data}/new`, type: 'FileOrCreate' } },
          { name: 'old', hostPath: { path: `${data}/file`, type: 'FileOrCreate' } },
          { name: 'char', hostPath: { path: '/dev/null', type: 'CharDevice' } },
          { name: 'any', hostPath: { path: data } },
        ],
        containers: [
          shell(SLEEP, {
            volumeMounts: ['dir', 'new', 'old', 'char', 'any'].map((name) => ({
              name,
              mountPath: `/${name}`,
            })),
          }),
        ],
      });
      await ready('types');
      assert.equal(
        await sh('types', 'cat /old; test -d /dir; test -f /new; test -c /char; cat /any/file'),
        'keptkept',
      );
      assert.equal((statSync(at(`${data}/made/deep`)).mode & 0o7777).toString(8), '755');
      for (const [type, what] of [
        ['Directory', 'directory'],
        ['Socket', 'socket file'],
        ['CharDevice', 'character device'],
        ['BlockDevice', 'block device'],
      ]) {
        const name = `wrong-${String(type).toLowerCase()}`;
        await createPod(name, with1({ hostPath: { path: `${data}/file`, type } }));
        await told(
          name,
          `MountVolume.SetUp failed for volume "v" : hostPath type check failed: ${data}/file is not a ${String(what)}`,
        );
      }
      await deletePods('types', 'wrong-directory', 'wrong-socket', 'wrong-chardevice', 'wrong-blockdevice');
    });

    it('shows and follows ConfigMaps, Secrets and the pod itself, with modes and owners', async () => {
      await create({
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: { name: 'cm' },
        data: { k: 'one', other: 'o' },
        binaryData: { bin: Buffer.from([0, 255]).toString('base64') },
      });
      await kubectl(['create', 'secret', 'generic', 's', '--from-literal=p=hidden']);
      await createPod(
        'shown',
        {
          securityContext: { runAsUser: 1000, fsGroup: 2345 },
          volumes: [
            { name: 'cm', configMap: { name: 'cm', items: [{ key: 'k', path: 'a/b', mode: 0o400 }] } },
            { name: 'all', configMap: { name: 'cm' } },
            { name: 'none', secret: { secretName: 'absent', optional: true } },
            { name: 'under', emptyDir: {} },
            {
              name: 'p',
              projected: {
                defaultMode: 0o600,
                sources: [
                  { configMap: { name: 'cm' } },
                  { secret: { name: 's', items: [{ key: 'p', path: 'k' }] } },
                  {
                    downwardAPI: { items: [{ path: 'labels', fieldRef: { fieldPath: 'metadata.labels' } }] },
                  },
                  { serviceAccountToken: { path: 'token', expirationSeconds: 600, audience: 'me' } },
                ],
              },
            },
          ],
          containers: [
            shell(SLEEP, {
              volumeMounts: [
                ...['cm', 'all', 'none', 'p'].map((name) => ({ name, mountPath: `/${name}` })),
                { name: 'under', mountPath: '/all/under/neath' },
              ],
            }),
          ],
        },
        { labels: { a: 'one' } },
      );
      await ready('shown');
      assert.equal(
        await sh('shown', 'cat /cm/a/b /p/k /p/labels; wc -c < /all/bin; ls /none'),
        'onehiddena="one"2\n',
      );
      assert.equal(
        await sh('shown', 'stat -L -c "%a %u %g" /cm/a/b /p/k /p/token /all/k /all /p'),
        '440 0 2345\n640 0 2345\n640 1000 2345\n644 0 2345\n2777 0 2345\n3777 0 2345\n',
      );
      assert.equal(
        await sh(
          'shown',
          'touch /all/under/neath/x && ls /all/under/neath; touch /all/y 2>&1 | grep -o Read-only',
        ),
        'x\nRead-only\n',
      );
      const claims = JSON.parse(
        Buffer.from((await sh('shown', 'cat /p/token')).split('.')[1] ?? '', 'base64url').toString(),
      ) as { aud: string[]; exp: number; iat: number; 'kubernetes.io': { pod: { uid: string } } };
      assert.deepEqual(claims.aud, ['me']);
      assert.equal(claims.exp - claims.iat, 600);
      assert.equal(claims['kubernetes.io'].pod.uid, await uidOf('shown'));
      await kubectl(['patch', 'configmap', 'cm', '-p', '{"data":{"k":"two","other":null,"fresh":"f"}}']);
      await kubectl(['label', 'pod', 'shown', '--overwrite', 'a=two', 'b=x']);
      await kubectl(['create', 'secret', 'generic', 'absent', '--from-literal=late=l']);
      await wait(
        'all changes to arrive',
        async () =>
          (await sh(
            'shown',
            'cat /cm/a/b /p/labels /none/late /all/fresh; test -e /all/other || echo gone',
          )) === 'twoa="two"\nb="x"lfgone\n',
      );
      await kubectl(['delete', 'configmap', 'cm']);
      await told('shown', 'MountVolume.SetUp failed for volume "all" : configmap "cm" not found');
      // what was there stays, and the pod is looked after all the same
      await sh('shown', 'kill 1').catch(() => undefined);
      await wait(
        'a restart',
        async () => (await getPod('shown')).status.containerStatuses?.[0]?.restartCount === 1,
      );
      await ready('shown');
      assert.equal(await sh('shown', 'cat /cm/a/b'), 'two');
      await deletePods('shown');
    });

    it('mounts parts of volumes of every kind', async () => {
      await kubectl(['create', 'configmap', 'parts', '--from-literal=k=one']);
      mkdirSync(at(`${data}/parts`));
      writeFileSync(at(`${data}/parts/there`), 'there');
      const part = (name: string, subPath: string, mountPath: string): object => ({
        name,
        subPath,
        mountPath,
      });
      await createPod('parts', {
        securityContext: { fsGroup: 2345 },
        volumes: [
          { name: 'disk', emptyDir: {} },
          { name: 'memory', emptyDir: { medium: 'Memory' } },
          { name: 'host', hostPath: { path: `${data}/parts` } },
          { name: 'cm', configMap: { name: 'parts' } },
        ],
        containers: [
          shell(`echo x >> /disk/starts; ${SLEEP}`, {
            env: [{ name: 'POD', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } }],
            volumeMounts: [
              part('disk', 'a/b', '/disk'),
              { name: 'disk', subPathExpr: 'logs/$(POD)', mountPath: '/logs' },
              part('memory', 'm', '/memory'),
              part('host', 'there', '/there'),
              part('host', 'made', '/made'),
              part('cm', 'k', '/k'),
              { name: 'disk', mountPath: '/whole' },
            ],
          }),
        ],
      });
      await ready('parts');
      assert.equal(
        await sh('parts', 'cat /k /there; ls /whole /whole/logs'),
        'onethere/whole:\na\nlogs\n\n/whole/logs:\nparts\n',
      );
      assert.equal(await sh('parts', 'stat -c "%a %g" /disk /logs'), '2777 2345\n2777 2345\n');
      const uid = await uidOf('parts');
      assert.equal((await mountsAt(`${podDir(uid)}/volume-subpaths`)).length, 6);
      await kubectl(['patch', 'configmap', 'parts', '-p', '{"data":{"k":"two"}}']);
      await world.farlet.stop('SIGKILL');
      world.farlet.start();
      // a farlet that is healthy may still be looking for what its pods have left: until then it enters none
      await wait('the pod to be entered', async () => (await sh('parts', 'cat /k')) === 'one');
      await sh('parts', 'echo kept > /made/f');
      await sh('parts', 'kill 1').catch(() => undefined);
      await wait(
        'a restart',
        async () => (await getPod('parts')).status.containerStatuses?.[0]?.restartCount === 1,
      );
      await ready('parts');
      await wait('the new content', async () => (await sh('parts', 'cat /k')) === 'two').catch(async () => {
        // the ConfigMap's change may have come after the restart: what is bound follows with the next one
        await sh('parts', 'kill 1').catch(() => undefined);
        await wait('the new content', async () => (await sh('parts', 'cat /k')) === 'two', 60_000);
      });
      assert.equal(await sh('parts', 'cat /disk/starts | head -2; cat /made/f'), 'x\nx\nkept\n');
      assert.equal((await mountsAt(`${podDir(uid)}/volume-subpaths`)).length, 6);
      await deletePods('parts');
      assert.deepEqual(await mountsAt(podDir(uid)), []);
      assert.equal(existsSync(at(podDir(uid))), false);
      assert.equal(readFileSync(at(`${data}/parts/made/f`), 'utf8'), 'kept\n');
    });

    it('lets no part of a volume lead out of it', async () => {
      mkdirSync(at(`${data}/outside`));
      writeFileSync(at(`${data}/outside/secret`), 'secret');
      await createPod('escapes', {
        volumes: [{ name: 'v', emptyDir: {} }],
        initContainers: [
          shell(
            `ln -s ${data}/outside /v/out; ln -s / /v/root; ln -s ../../../.. /v/up; mkdir /v/in; ln -s in /v/link`,
            {
              name: 'i',
              volumeMounts: [{ name: 'v', mountPath: '/v' }],
            },
          ),
        ],
        containers: [
          ['file', 'out/secret'],
          ['made', 'out/made'],
          ['root', 'root'],
          ['up', 'up'],
          ['fine', 'link'],
        ].map(([name, subPath]) =>
          shell(SLEEP, { name, volumeMounts: [{ name: 'v', mountPath: '/part', subPath }] }),
        ),
      });
      const waiting = async (name: string): Promise<string | undefined> =>
        (await getPod('escapes')).status.containerStatuses?.find((each) => each.name === name)?.state.waiting
          ?.message;
      for (const name of ['file', 'root', 'up'])
        await wait(
          `container ${name} to be refused`,
          async () =>
            (await waiting(name)) === `failed to prepare subPath for volumeMount "v" of container "${name}"`,
        );
      await wait(
        'container made to be refused',
        async () =>
          (await waiting('made')) ===
          'failed to create subPath directory for volumeMount "v" of container "made"',
      );
      await wait(
        'the other to run',
        async () =>
          (await getPod('escapes')).status.containerStatuses?.find(({ name }) => name === 'fine')?.state
            .running !== undefined,
      );
      assert.deepEqual(readdirSync(at(`${data}/outside`)), ['secret']);
      const uid = await uidOf('escapes');
      assert.deepEqual(await mountsAt(`${podDir(uid)}/volume-subpaths`), [
        `${podDir(uid)}/volume-subpaths/v/fine/0`,
      ]);
      await deletePods('escapes');
      assert.equal(existsSync(at(podDir(uid))), false);
      assert.equal(readFileSync(at(`${data}/outside/secret`), 'utf8'), 'secret');
    });

    it('uses PersistentVolumes of folders of the host, and never deletes what is in them', async () => {
      for (const name of ['local', 'hostpath']) mkdirSync(at(`${data}/${name}`));
      writeFileSync(at(`${data}/local/old`), 'old', { mode: 0o600 });
      symlinkSync('/etc/passwd', at(`${data}/local/link`));
      await persistent(
        'local',
        { local: { path: `${data}/local` }, ...affinity(node) },
        {},
        {
          annotations: { 'pv.beta.kubernetes.io/gid': '4567' },
        },
      );
      await persistent('hostpath', { hostPath: { path: `${data}/hostpath` } });
      await createPod('claims', {
        securityContext: { fsGroup: 2345 },
        volumes: [
          { name: 'l', persistentVolumeClaim: { claimName: 'local' } },
          { name: 'h', persistentVolumeClaim: { claimName: 'hostpath', readOnly: true } },
        ],
        containers: [
          shell(SLEEP, {
            volumeMounts: [
              { name: 'l', mountPath: '/l' },
              { name: 'l', mountPath: '/part', subPath: 'sub' },
              { name: 'h', mountPath: '/h' },
            ],
          }),
        ],
      });
      await ready('claims');
      assert.equal(
        await sh(
          'claims',
          'cat /l/old; stat -c "%a %g" /l /l/old /part; id -G; touch /h/x 2>&1 | grep -o Read-only; echo new > /part/f',
        ),
        'old2775 2345\n660 2345\n2775 2345\n0 2345 4567\nRead-only\n',
      );
      assert.equal((statSync(at('/etc/passwd')).mode & 0o777).toString(8), '644');
      assert.equal(statSync(at('/etc/passwd')).gid, 0);
      const uid = await uidOf('claims');
      assert.deepEqual(await mountsAt(`${podDir(uid)}/volumes/kubernetes.io~local-volume`), [
        `${podDir(uid)}/volumes/kubernetes.io~local-volume/local-${node}`,
      ]);
      chmodSync(at(`${data}/local/old`), 0o600);
      await createPod('again', {
        securityContext: { fsGroup: 2345, fsGroupChangePolicy: 'OnRootMismatch' },
        ...with1({ persistentVolumeClaim: { claimName: 'local' } }),
      });
      await ready('again');
      assert.equal(await sh('again', 'stat -c %a /v/old; cat /v/sub/f'), '600\nnew\n');
      await deletePods('claims', 'again');
      await createPod('other-group', {
        securityContext: { fsGroup: 2346, fsGroupChangePolicy: 'OnRootMismatch' },
        ...with1({ persistentVolumeClaim: { claimName: 'local' } }),
      });
      await ready('other-group');
      assert.equal(await sh('other-group', 'stat -c "%a %g" /v/old'), '660 2346\n');
      await deletePods('other-group');
      assert.deepEqual(await mountsAt(podDir(uid)), []);
      assert.deepEqual(readdirSync(at(`${data}/local`)).sort(), ['link', 'old', 'sub']);
      assert.equal(readFileSync(at(`${data}/local/sub/f`), 'utf8'), 'new\n');
    });

    it('cleans up after pods that went while farlet was away, without deleting what is mounted', async () => {
      mkdirSync(at(`${data}/away`));
      await persistent('away', { local: { path: `${data}/away` }, ...affinity(node) });
      await createPod('away', {
        volumes: [
          { name: 'v', persistentVolumeClaim: { claimName: 'away' } },
          { name: 'm', emptyDir: { medium: 'Memory' } },
        ],
        containers: [
          shell(`echo kept > /v/f; ${SLEEP}`, {
            volumeMounts: [
              { name: 'v', mountPath: '/v' },
              { name: 'm', mountPath: '/m', subPath: 's' },
            ],
          }),
        ],
      });
      await ready('away');
      const uid = await uidOf('away');
      assert.ok((await mountsAt(podDir(uid))).length >= 3);
      await world.farlet.stop('SIGKILL');
      await kubectl(['delete', 'pod', 'away', '--force', '--grace-period=0']);
      world.farlet.start();
      await wait('the folder to go', () => Promise.resolve(!existsSync(at(podDir(uid)))), 90_000);
      assert.deepEqual(await mountsAt(podDir(uid)), []);
      assert.equal(readFileSync(at(`${data}/away/f`), 'utf8'), 'kept\n');
    });

    it('schedules pods to where their volumes are, and mounts none elsewhere', async () => {
      mkdirSync(at(`${data}/there`));
      await persistent('there', { local: { path: `${data}/there` }, ...affinity(node) });
      await createPod('placed', {
        nodeName: undefined,
        tolerations: [{ operator: 'Exists' }],
        ...with1({ persistentVolumeClaim: { claimName: 'there' } }),
      });
      await ready('placed');
      assert.equal(await kubectl(['get', 'pod', 'placed', '-o', 'jsonpath={.spec.nodeName}']), node);
      await persistent('elsewhere', { local: { path: `${data}/there` }, ...affinity('elsewhere') });
      await createPod('misplaced', with1({ persistentVolumeClaim: { claimName: 'elsewhere' } }));
      await told(
        'misplaced',
        `MountVolume.NodeAffinity check failed for volume "elsewhere-${node}" : no matching NodeSelectorTerms`,
      );
      await deletePods('placed', 'misplaced');
    });

    it('says of claims and drivers what a kubelet says, and lets the pod wait', async () => {
      await create({
        apiVersion: 'v1',
        kind: 'PersistentVolumeClaim',
        metadata: { name: 'unbound' },
        spec: {
          accessModes: ['ReadWriteOnce'],
          storageClassName: 'none',
          resources: { requests: { storage: '1Gi' } },
        },
      });
      await createPod('unbound', with1({ persistentVolumeClaim: { claimName: 'unbound' } }));
      await told(
        'unbound',
        `Unable to attach or mount volumes: unmounted volumes=[v], unattached volumes=[], failed to process volumes=[v]: error processing PVC ${pods.name}/unbound: PVC is not bound`,
      );
      await createPod('missing', with1({ persistentVolumeClaim: { claimName: 'missing' } }));
      await told(
        'missing',
        `error processing PVC ${pods.name}/missing: failed to fetch PVC from API server: persistentvolumeclaims "missing" not found`,
      );
      await createPod('inline-csi', with1({ csi: { driver: 'd.example.com' } }));
      await told(
        'inline-csi',
        'MountVolume.SetUp failed for volume "v" : kubernetes.io/csi: mounter.SetUpAt failed to get CSI client: driver name d.example.com not found in the list of registered CSI drivers',
      );
      await createPod(
        'iscsi',
        with1({ iscsi: { targetPortal: '127.0.0.1', iqn: 'iqn.2001-04.com.example:x', lun: 0 } }),
      );
      await told(
        'iscsi',
        'failed to process volumes=[v]: failed to get Plugin from volumeSpec for volume "v" err=no volume plugin matched: farlet does not support iscsi volumes',
      );
      await createPod('nfs', with1({ nfs: { server: '127.0.0.1', path: '/none' } }));
      await told('nfs', 'MountVolume.SetUp failed for volume "v" : mount failed: exit status 32');
      await told('nfs', 'Mounting arguments: -t nfs 127.0.0.1:/none');
      for (const name of ['unbound', 'missing', 'inline-csi', 'iscsi', 'nfs'])
        assert.equal(
          (await getPod(name)).status.containerStatuses?.[0]?.state.waiting?.reason,
          'ContainerCreating',
        );
      await deletePods('unbound', 'missing', 'inline-csi', 'iscsi', 'nfs');
    });

    it('hands block volumes to containers as devices', async () => {
      writeFileSync(at(`${data}/disk.img`), Buffer.alloc(1 << 20));
      const device = (await inside('losetup', '--find', '--show', `${data}/disk.img`)).trim();
      try {
        await persistent(
          'block',
          { local: { path: device }, volumeMode: 'Block', ...affinity(node) },
          { volumeMode: 'Block' },
        );
        await createPod('block', {
          volumes: [{ name: 'v', persistentVolumeClaim: { claimName: 'block' } }],
          containers: [shell(SLEEP, { volumeDevices: [{ name: 'v', devicePath: '/dev/xvda' }] })],
        });
        await ready('block');
        await sh('block', 'printf hello | dd of=/dev/xvda conv=notrunc,fsync 2>/dev/null');
        assert.equal(await inside('dd', `if=${device}`, 'bs=5', 'count=1', 'status=none'), 'hello');
        await createPod('wrong-mode', with1({ persistentVolumeClaim: { claimName: 'block' } }));
        await told('wrong-mode', 'volume v has volumeMode Block, but is specified in volumeMounts');
        await deletePods('block', 'wrong-mode');
      } finally {
        await world.host(node).inside(['losetup', '--detach', device]);
      }
    });

    it('propagates mounts as asked', async () => {
      const shared = `${data}/shared`;
      mkdirSync(at(shared));
      await inside('mount', '-t', 'tmpfs', 'tmpfs', shared);
      await inside('mount', '--make-shared', shared);
      mkdirSync(at(`${shared}/sub`));
      const mount = (name: string, mountPropagation: string, more: object = {}): object =>
        shell(SLEEP, { name, volumeMounts: [{ name: 'v', mountPath: '/v', mountPropagation }], ...more });
      await createPod('propagation', {
        volumes: [{ name: 'v', hostPath: { path: shared } }],
        containers: [
          mount('none', 'None'),
          mount('in', 'HostToContainer'),
          mount('both', 'Bidirectional', { securityContext: { privileged: true } }),
        ],
      });
      await ready('propagation');
      await inside('mount', '-t', 'tmpfs', 'tmpfs', `${shared}/sub`);
      writeFileSync(at(`${shared}/sub/host`), '');
      assert.equal(await sh('propagation', 'ls /v/sub', 'none'), '');
      assert.equal(await sh('propagation', 'ls /v/sub', 'in'), 'host\n');
      await sh(
        'propagation',
        'mkdir /v/own && mount -t tmpfs tmpfs /v/own && touch /v/own/container',
        'both',
      );
      assert.deepEqual(readdirSync(at(`${shared}/own`)), ['container']);
      const refused = await pods.tryKubectl(
        ['create', '-f', '-'],
        JSON.stringify({
          apiVersion: 'v1',
          kind: 'Pod',
          metadata: { name: 'unprivileged' },
          spec: {
            volumes: [{ name: 'v', hostPath: { path: shared } }],
            containers: [mount('c', 'Bidirectional')],
          },
        }),
      );
      assert.match(
        refused.stderr,
        /Bidirectional mount propagation is available only to privileged containers/,
      );
      await deletePods('propagation');
    });

    it('mounts read-only recursively where the runtime can, and tells what came of it', async () => {
      const handlers = JSON.parse(
        await world.plane
          .kubectl(['get', 'node', node, '-o', 'jsonpath={.status.runtimeHandlers}'])
          .then((text) => text || '[]'),
      ) as { name?: string; features?: { recursiveReadOnlyMounts?: boolean } }[];
      const can = handlers.some(
        ({ name = '', features }) => name === '' && features?.recursiveReadOnlyMounts === true,
      );
      const tree = `${data}/recursive`;
      mkdirSync(at(`${tree}/below`), { recursive: true });
      await inside('mount', '-t', 'tmpfs', 'tmpfs', `${tree}/below`);
      const volume = { hostPath: { path: tree } };
      await createPod('if-possible', with1(volume, { readOnly: true, recursiveReadOnly: 'IfPossible' }));
      await ready('if-possible');
      const [status] = (await getPod('if-possible')).status.containerStatuses ?? [];
      assert.deepEqual(status?.volumeMounts?.[0], {
        name: 'v',
        mountPath: '/v',
        readOnly: true,
        recursiveReadOnly: can ? 'Enabled' : 'Disabled',
      });
      assert.equal(
        await sh('if-possible', 'touch /v/below/x 2>/dev/null && echo writable || echo read-only'),
        can ? 'read-only\n' : 'writable\n',
      );
      await createPod('enabled', with1(volume, { readOnly: true, recursiveReadOnly: 'Enabled' }));
      if (can) await ready('enabled');
      else
        await told(
          'enabled',
          'Error: failed to resolve recursive read-only mode: volume "v" requested recursive read-only mode, but it is not supported by the runtime',
        );
      await deletePods('if-possible', 'enabled');
    });

    it('mounts images where the runtime can, and refuses them aloud where it can not', async () => {
      const image = { image: { reference: 'localhost/busybox:1', pullPolicy: 'Never' } };
      await createPod('image', with1(image));
      await createPod('image-part', with1(image, { subPath: 'etc' }));
      if (version === '2') {
        await ready('image');
        assert.equal(
          await sh('image', 'ls /v/etc; touch /v/x 2>&1 | grep -o Read-only'),
          'group\npasswd\nRead-only\n',
        );
        await told(
          'image-part',
          'Error: volume "v" is an image mounted with subPath, which needs containerd 2.2 or later: the host has',
        );
      } else
        await told(
          'image',
          'Error: volume "v" is an image, which needs containerd 2.1 or later: the host has 1.6',
        );
      await deletePods('image', 'image-part');
    });

    it('counts what it does with volumes', async () => {
      await createPod('counted', with1({ emptyDir: {} }));
      await ready('counted');
      await createPod('wrong', with1({ hostPath: { path: '/etc/passwd', type: 'Directory' } }));
      await told('wrong', 'hostPath type check failed');
      const has = async (line: string): Promise<boolean> =>
        (await (await fetch(world.farlet.metricsUrl)).text()).includes(line);
      const count = (plugin: string, operation: string, status: string): string =>
        `storage_operation_duration_seconds_count{node="${node}",volume_plugin="kubernetes.io/${plugin}",operation_name="${operation}",status="${status}",migrated="false"} `;
      const total = (plugin: string, state: string, value: number): string =>
        `volume_manager_total_volumes{node="${node}",plugin_name="kubernetes.io/${plugin}",state="${state}"} ${value}\n`;
      assert.ok(await has(count('empty-dir', 'volume_mount', 'success')));
      assert.ok(await has(count('host-path', 'volume_mount', 'fail-unknown')));
      assert.ok(await has(total('empty-dir', 'actual_state_of_world', 1)));
      assert.ok(await has(total('host-path', 'desired_state_of_world', 1)));
      assert.ok(!(await has(total('host-path', 'actual_state_of_world', 1))));
      await deletePods('counted', 'wrong');
      assert.ok(await has(count('empty-dir', 'volume_unmount', 'success')));
      assert.ok(
        await has(
          `volume_operation_total_seconds_count{node="${node}",plugin_name="kubernetes.io/empty-dir"`,
        ),
      );
      assert.ok(!(await has(total('empty-dir', 'desired_state_of_world', 1))));
    });

    it('leaves nothing behind', async () => {
      await world.plane.kubectl(['delete', 'namespace', pods.name, '--timeout=120s']);
      const { folder } = world.host(node);
      assert.deepEqual(readdirSync(at(`${folder}/farlet/pods`)), []);
      assert.deepEqual(await mountsAt(`${folder}/farlet`), []);
    });
  });
}
