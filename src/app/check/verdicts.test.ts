import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { table, type Row } from './table.ts';
import {
  apiVerdict,
  clientCaVerdict,
  clockVerdict,
  conditionVerdict,
  handlersVerdict,
  keyModeVerdict,
  kubeletApiVerdict,
  latencyVerdict,
  nodeAccountVerdict,
  rightsVerdict,
  sandboxVerdict,
  unreachable,
} from './verdicts.ts';

describe('the table of check', () => {
  it('has columns, advice below what it is about, and a line for each', () => {
    const rows: Row[] = [
      { what: 'configuration', state: 'ok', found: '1 node(s)' },
      { what: 'a/box link', state: 'fail', found: 'no\n  way ', advice: 'do\nthis' },
      { what: 'a/box clock', state: 'warn', found: 'slow' },
    ];
    const lines = [
      'ok    configuration  1 node(s)',
      'FAIL  a/box link     no; way',
      '                     -> do; this',
      'WARN  a/box clock    slow',
    ];
    assert.equal(table(rows), `${lines.join('\n')}\n`);
    assert.equal(table([]), '');
  });
});

/** state, what was found, and what the advice has in it */
type Expected = readonly [Row['state'], string | RegExp, (RegExp | undefined)?];

function assertVerdict(verdict: Omit<Row, 'what'>, [state, found, advice]: Expected): void {
  assert.equal(verdict.state, state);
  if (typeof found === 'string') assert.equal(verdict.found, found);
  else assert.match(verdict.found, found);
  if (advice === undefined) assert.equal(verdict.advice, undefined);
  else assert.match(verdict.advice ?? '', advice);
}

describe('how farlet is reached, and reaches the API server', () => {
  it('a clientCAFile that is missing, wrong, and right', () => {
    assertVerdict(clientCaVerdict(undefined, undefined), ['warn', /logs and exec are refused/, /kubeadm/]);
    assertVerdict(clientCaVerdict('/ca', { kind: 'expired', text: 'has expired' }), [
      'fail',
      '/ca has expired',
      /CA of the/,
    ]);
    assertVerdict(clientCaVerdict('/ca', { kind: 'soon', text: 'expires' }), [
      'warn',
      '/ca expires',
      /CA of the/,
    ]);
    assertVerdict(clientCaVerdict('/ca', undefined), ['ok', '/ca']);
  });

  it('an address that nobody else reaches', () => {
    const api = { port: 10250, isNear: false };
    assertVerdict(kubeletApiVerdict({ ...api, nodeIP: '10.0.0.1' }), ['ok', /10\.0\.0\.1, port 10250$/]);
    assertVerdict(kubeletApiVerdict({ ...api, nodeIP: undefined }), ['ok', /address of the route/]);
    assertVerdict(kubeletApiVerdict({ ...api, nodeIP: '127.0.0.1' }), ['warn', /127/, /set nodeIP/]);
    assertVerdict(kubeletApiVerdict({ ...api, nodeIP: '127.0.0.1', isNear: true }), ['ok', /127/]);
  });

  it('a key that others may read', () => {
    assert.equal(keyModeVerdict('/key', { mode: 0o100600 }), undefined);
    const secret = { mode: 0o100440, group: 65_532 };
    assert.equal(keyModeVerdict('/key', { ...secret, ownGroup: 65_532 }), undefined);
    assert.equal(keyModeVerdict('/key', { ...secret, ownGroup: 1000 })?.state, 'warn');
    assert.equal(keyModeVerdict('/key', { mode: 0o100440, ownGroup: 65_532 })?.state, 'warn');
    assertVerdict(keyModeVerdict('/key', { mode: 0o100644 }) ?? { state: 'ok', found: '' }, [
      'warn',
      /mode 644/,
      /chmod 600 \/key/,
    ]);
  });

  const rows: [string, RegExp][] = [
    ["can't be reached: connect ECONNREFUSED 127.0.0.1:6499", /nothing listens/],
    [
      'unable to verify the first certificate; try running Node.js with --use-system-ca',
      /certificate-authority/,
    ],
    ['HTTP protocol is not allowed when skipTLSVerify is not set or false', /https:/],
    ['Unauthorized', /renew/],
    ['getaddrinfo ENOTFOUND api.invalid', /DNS/],
  ];
  for (const [error, advice] of rows)
    it(`says what to do about: ${error}`, () => {
      assertVerdict(apiVerdict(error), ['fail', error, advice]);
    });
});

describe('whom the API server takes a node for', () => {
  const nodes = ['system:nodes', 'system:authenticated'];
  const rows: [user: string, groups: string[], state: string, says: RegExp][] = [
    ['system:node:edge-1', nodes, 'ok', /^system:node:edge-1$/],
    ['system:node:edge-2', nodes, 'fail', /^system:node:edge-2 is another node$/],
    ['system:node:edge-1', ['system:authenticated'], 'warn', /is held to no node$/],
    ['farlet', nodes, 'warn', /^farlet is no node's/],
  ];
  for (const [user, groups, state, says] of rows)
    it(`${user} of ${groups.join(' and ')}: ${state}`, () => {
      const verdict = nodeAccountVerdict('edge-1', { user, groups });
      assert.equal(verdict.state, state);
      assert.match(verdict.found, says);
    });
});

describe('why a host can not be reached', () => {
  const unix = 'unix:///run/c.sock';
  const ssh = 'ssh://root@h/run/c.sock';
  const tcp = 'tcp://h:10010';
  const cases: {
    what: string;
    endpoint: string;
    fault?: string;
    error?: string;
    kind?: 'unimplemented' | 'deadline-exceeded';
    row?: string;
    advice: RegExp | undefined;
  }[] = [
    {
      what: 'no socket',
      endpoint: unix,
      error: 'connect ENOENT /run/c.sock',
      advice: /is the runtime running.*k3s/,
    },
    {
      what: 'no right to the socket',
      endpoint: unix,
      error: 'connect EACCES /run/c.sock',
      advice: /as root/,
    },
    {
      what: 'a socket that nobody listens on',
      endpoint: unix,
      error: 'connect ECONNREFUSED',
      advice: /systemctl status/,
    },
    { what: 'anything else', endpoint: unix, error: 'odd', advice: /may farlet open its socket/ },
    {
      what: 'another key than the one that is known',
      endpoint: 'ssh://root@h/run/containerd/containerd.sock',
      fault:
        "box: the host's key SHA256:x is not the one in /k:1: somebody may be listening in, or the host was reinstalled",
      advice: /stop unless you know why it changed/,
    },
    {
      what: "farlet's key that is none",
      endpoint: ssh,
      fault: "/k.pub can't be used: privateKey value does not contain a (valid) private key",
      advice: /the private half/,
    },
    {
      what: 'what nobody thought of, on a socket of a well-known name',
      endpoint: 'ssh://root@h/run/containerd/containerd.sock',
      fault: 'Packet corrupt',
      advice: undefined,
    },
    {
      what: 'a key that is not known',
      endpoint: ssh,
      fault: 'its key SHA256:x is not in /k; add it',
      advice: /ssh-keygen -lf/,
    },
    {
      what: 'a login that is refused',
      endpoint: ssh,
      fault: 'the key of /k was refused: add its public half to ~/.ssh/authorized_keys of root',
      advice: /authorized_keys/,
    },
    { what: 'no sudo', endpoint: ssh, fault: 'sudo asks for a password', advice: /NOPASSWD/ },
    { what: 'no sshd', endpoint: ssh, fault: 'connect ECONNREFUSED 192.0.2.1:22', advice: /is sshd running/ },
    { what: 'no such name', endpoint: ssh, fault: 'getaddrinfo ENOTFOUND h', advice: /see DNS/ },
    { what: 'no route', endpoint: ssh, fault: 'connect EHOSTUNREACH', advice: /firewall/ },
    { what: 'silence', endpoint: ssh, fault: 'timed out', advice: /firewall/ },
    {
      what: 'no socket at the far end',
      endpoint: ssh,
      fault: 'open failed',
      advice: /AllowStreamLocalForwarding/,
    },
    { what: 'silence over tcp', endpoint: tcp, fault: 'connect ETIMEDOUT', advice: /stream_server_port/ },
    {
      what: 'what the link itself explains',
      endpoint: tcp,
      fault: 'certFile x has expired: renew it',
      advice: undefined,
    },
    {
      what: 'a runtime without CRI',
      endpoint: unix,
      error: 'unknown service runtime.v1.RuntimeService',
      kind: 'unimplemented',
      row: 'runtime',
      advice: /disabled_plugins/,
    },
    {
      what: 'a runtime that hangs',
      endpoint: ssh,
      error: 'no answer within 20s',
      kind: 'deadline-exceeded',
      row: 'runtime',
      advice: /restart it/,
    },
    {
      what: 'a link that is down while the runtime is waited for',
      endpoint: ssh,
      fault: 'timed out',
      error: 'no answer within 20s',
      kind: 'deadline-exceeded',
      advice: /firewall/,
    },
  ];
  for (const { what, endpoint, fault, error = 'error', kind = 'unavailable', row = 'link', advice } of cases)
    it(what, () => {
      const told = unreachable(endpoint, { fault, error, kind });
      assert.equal(told.what, row);
      assertVerdict(told, ['fail', `${endpoint}: ${fault ?? error}`, advice]);
    });
});

describe('what a host answered', () => {
  const condition = (type: string, status: boolean, message = '') =>
    conditionVerdict({ type, status, reason: 'Reason', message });
  const handler = (name: string, ownKernel = false) => ({
    name,
    ownKernel,
    recursiveReadOnlyMounts: false,
    userNamespaces: false,
  });
  const status = (uid: number, caps: string) =>
    `Name:\tsh\nUid:\t${String(uid)}\t${String(uid)}\t0\t0\nCapEff:\t${caps}\n`;
  const cases: [string, Omit<Row, 'what'>, Expected][] = [
    ['the quickest round trip counts', latencyVerdict([40, 3.21, 7]), ['ok', '3.2 ms a round trip']],
    ['far', latencyVerdict([120.4]), ['ok', '120 ms a round trip']],
    ['too far', latencyVerdict([300]), ['warn', '300 ms a round trip', /nearer/]],
    ['ready', condition('NetworkReady', true), ['ok', 'true']],
    [
      'no network',
      condition('NetworkReady', false, 'cni plugin not initialized'),
      ['fail', 'cni plugin not initialized', /\/etc\/cni\/net\.d/],
    ],
    [
      'a runtime that is not ready and does not say why',
      condition('RuntimeReady', false),
      ['fail', 'Reason', /journalctl/],
    ],
    [
      'handlers',
      handlersVerdict([handler(''), handler('runc'), handler('kata', true)]),
      ['ok', 'kata (own kernel), runc'],
    ],
    ['a runtime that reports no handlers', handlersVerdict([]), ['ok', /does not report/]],
    ['one clock', clockVerdict(0), ['ok', "as farlet's"]],
    ['ahead', clockVerdict(30_000), ['warn', "30 s ahead of farlet's", /NTP/]],
    ['behind', clockVerdict(-240_000), ['warn', "4 min behind farlet's", /NTP/]],
    ['an hour', clockVerdict(3_600_000), ['fail', "60 min ahead of farlet's", /certificates/]],
    ['years', clockVerdict(-86_400_000), ['fail', "24 h behind farlet's", /certificates/]],
    ['root', rightsVerdict(status(0, '000001ffffffffff')), ['ok', /^root, with all/]],
    [
      'root in a container',
      rightsVerdict(status(0, '00000000a80425fb')),
      ['fail', 'root, without CAP_SYS_ADMIN', /privileged/],
    ],
    [
      'a user',
      rightsVerdict(status(1000, '0')),
      [
        'fail',
        'user 1000, without CAP_CHOWN, CAP_DAC_OVERRIDE, CAP_FOWNER, CAP_FSETID, CAP_KILL, CAP_SYS_ADMIN',
        /sudo/,
      ],
    ],
    ['no /proc', rightsVerdict(''), ['warn', /does not tell/]],
    [
      'no sandbox image',
      sandboxVerdict('failed to get sandbox image "p:1"'),
      ['fail', /p:1/, /images import/],
    ],
    [
      'a network that fails',
      sandboxVerdict('failed to setup network: plugin type="bridge" failed'),
      ['fail', /bridge/, /CNI/],
    ],
    [
      'cgroups',
      sandboxVerdict('expected cgroupsPath to be of format "slice:prefix:name" for systemd cgroups'),
      ['fail', /slice/, /SystemdCgroup/],
    ],
    ['anything else', sandboxVerdict('no'), ['fail', 'no', /journalctl/]],
  ];
  for (const [what, verdict, expected] of cases)
    it(what, () => {
      assertVerdict(verdict, expected);
    });
});
