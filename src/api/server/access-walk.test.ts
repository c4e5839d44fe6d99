/**
 * Every route that the router has × who asks × how it is written: who may not is refused before the node
 * hears of it, and who has just the right that the route is for is let in.
 */
import assert from 'node:assert/strict';
import { Agent, request } from 'node:https';
import { after, before, describe, it } from 'node:test';
import { admin, expired, nameless, serving, stranger, type TestPair } from '../../testing/certificates.ts';
import { openBackend, startKubelet, type TestServer } from '../../testing/kubelet-server.ts';
import { nowhere, rootOf, routeRights, subresourcesOf, type RouteRight } from '../../testing/route-rights.ts';
import { HttpFault } from '../http/http-fault.ts';
import type { Backend } from './backend.ts';

/** Which stand for all where those would take long: methods with a verb and without, no twins. */
function isOfMany({ method, url }: RouteRight): boolean {
  return ['GET', 'POST', 'HEAD'].includes(method) && (!url.endsWith('/') || nowhere.includes(url));
}

/** What the node was asked beside who callers are and what they may do. */
const reached: string[] = [];
const asked: string[] = [];
const allows: { decide: (right: string) => boolean } = { decide: () => false };

const known: Backend = {
  ...openBackend,
  ...Object.fromEntries(
    Object.keys(openBackend).map((name) => [
      name,
      () => {
        reached.push(name);
        throw new HttpFault(418, 'reached');
      },
    ]),
  ),
  enterVerb: 'create',
  identify: (token) => Promise.resolve(token === 'known' ? { user: 'known', groups: [] } : undefined),
  isAllowed: (_who, verb, subresource) => {
    asked.push(`${verb} ${subresource}`);
    return Promise.resolve(allows.decide(`${verb} ${subresource}`));
  },
};

interface Form {
  readonly target: (path: string) => string;
  readonly headers?: Readonly<Record<string, string>>;
}

const percent = (text: string): string =>
  [...Buffer.from(text)].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join('');
const asIs = (path: string): string => path;
const websocket = {
  connection: 'Upgrade',
  upgrade: 'websocket',
  'sec-websocket-key': 'a2V5a2V5a2V5a2V5a2V5aw==',
  'sec-websocket-version': '13',
  'sec-websocket-protocol': 'v5.channel.k8s.io',
};
const plain: Form = { target: asIs };
const forms: Readonly<Record<string, Form>> = {
  plain,
  'an upgrade to SPDY': {
    target: asIs,
    headers: {
      connection: 'Upgrade',
      upgrade: 'SPDY/3.1',
      'x-stream-protocol-version': 'v4.channel.k8s.io',
    },
  },
  'an upgrade to a WebSocket': { target: asIs, headers: websocket },
  'absolute form': { target: (path) => `http://elsewhere.example:1${path}` },
  'absolute form, upgraded': { target: (path) => `HTTPS://u@elsewhere.example${path}`, headers: websocket },
  'encoded letters': {
    target: (path) =>
      path
        .split('/')
        .map((part, at) => (at === 0 ? part : percent(part)))
        .join('/'),
  },
  'encoded slashes, absolute form': { target: (path) => `http://x/${percent(path.slice(1))}` },
};

interface Caller {
  readonly pair?: TestPair;
  readonly token?: string;
}

const strangers: Readonly<Record<string, Caller>> = {
  nothing: {},
  'a certificate of another CA': { pair: stranger },
  'a certificate that has expired': { pair: expired },
  'a token that nobody knows': { token: 'nonsense' },
};
const friends: Readonly<Record<string, Caller>> = {
  'a token': { token: 'known' },
  'a certificate': { pair: admin },
};
/** Of these it is enough to see them in the plain form. */
const otherStrangers: typeof strangers = {
  'a certificate for servers': { pair: serving },
  'a certificate without a name': { pair: nameless },
};
const otherFriends: typeof friends = {
  'a token beside a certificate of another CA': { token: 'known', pair: stranger },
};

describe('every route, however it is written', () => {
  const questions: RouteRight[] = [];
  let server: TestServer | undefined;
  const agents: Agent[] = [];
  const agentOf = ({ pair }: Caller): Agent => {
    const agent = new Agent({ keepAlive: true, rejectUnauthorized: false, ...pair });
    agents.push(agent);
    return agent;
  };
  before(async () => {
    const { router, routes } = await routeRights();
    questions.push(...routes);
    server = await startKubelet({ backend: known, server: { router } });
  });
  after(async () => {
    for (const agent of agents) agent.destroy();
    await server?.close();
  });

  interface Answer {
    readonly code: number;
    readonly body: string;
    readonly reached: readonly string[];
    readonly asked: readonly string[];
  }

  const ask = ({ method, path }: RouteRight, form: Form, as: Caller & { agent: Agent }): Promise<Answer> => {
    reached.length = 0;
    asked.length = 0;
    return new Promise((resolve, reject) => {
      const headers = {
        ...form.headers,
        ...(as.token === undefined ? {} : { authorization: `Bearer ${as.token}` }),
      };
      const { port } = server ?? { port: 0 };
      const target = { host: '127.0.0.1', port, path: form.target(path), method, headers, agent: as.agent };
      const sent = request(target, (answer) => {
        let body = '';
        answer.setEncoding('utf8').on('data', (chunk: string) => (body += chunk));
        answer.once('error', reject).once('end', () => {
          resolve({ code: answer.statusCode ?? 0, body, reached: [...reached], asked: [...asked] });
        });
      });
      sent.once('error', reject).once('upgrade', () => {
        reject(new Error(`${method} ${path} was upgraded`));
      });
      sent.end();
    });
  };
  const each = async (
    form: Form,
    caller: Caller,
    check: (question: RouteRight, ask: () => Promise<Answer>, what: string) => Promise<void>,
  ): Promise<void> => {
    const agent = agentOf(caller);
    for (const question of form === plain ? questions : questions.filter(isOfMany))
      await check(
        question,
        () => ask(question, form, { ...caller, agent }),
        `${question.method} ${question.url}`,
      );
  };

  it('has its right in the table of src/testing/route-rights.ts', () => {
    const roots = new Set(
      questions.filter(({ url }) => !nowhere.includes(url)).map(({ url }) => rootOf(url)),
    );
    assert.deepEqual([...roots].sort(), [...subresourcesOf.keys()].sort());
  });

  for (const [formName, form] of Object.entries(forms)) {
    const others = form === plain;
    for (const [name, caller] of Object.entries({ ...strangers, ...(others ? otherStrangers : {}) }))
      it(`401 for who shows ${name}; ${formName}`, () =>
        each(form, caller, async ({ method }, ask, what) => {
          const { body, ...answer } = await ask();
          assert.deepEqual(answer, { code: 401, reached: [], asked: [] }, what);
          assert.equal(body, method === 'HEAD' ? '' : 'Unauthorized', what);
        }));

    for (const [name, caller] of Object.entries({ ...friends, ...(others ? otherFriends : {}) })) {
      it(`403 for who has every right but those of the route, by ${name}; ${formName}`, () =>
        each(form, caller, async ({ method, verb, subresources }, ask, what) => {
          const needed = subresources.map((each) => `${verb} ${each}`);
          allows.decide = (right) => !needed.includes(right);
          const { body, ...answer } = await ask();
          assert.deepEqual(answer, { code: 403, reached: [], asked: needed }, what);
          const user = caller.token === undefined ? 'admin' : 'known';
          const text = `Forbidden (user=${user}, verb=${verb}, resource=nodes, subresource(s)=[${subresources.join(' ')}])\n`;
          assert.equal(body, method === 'HEAD' ? '' : text, what);
        }));

      it(`in for who has just one right of the route, by ${name}; ${formName}`, () =>
        each(form, caller, async ({ verb, subresources }, ask, what) => {
          for (const subresource of subresources) {
            allows.decide = (right) => right === `${verb} ${subresource}`;
            const { code, asked } = await ask();
            assert.equal(asked.at(-1), `${verb} ${subresource}`, what);
            assert.ok(code !== 401 && code !== 403, `${what}: ${code}`);
          }
        }));
    }
  }
});
