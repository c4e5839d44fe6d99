import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { KubeError } from '../model/errors.ts';
import { pod } from '../testing/fixtures.ts';
import { answerForm } from './answer-form.ts';
import { decodeAnswer } from './answers.ts';
import { paths } from './paths.ts';

const list = (change: object = {}): object => ({
  kind: 'PodList',
  apiVersion: 'v1',
  metadata: { resourceVersion: '7' },
  items: [pod()],
  ...change,
});
const node = { kind: 'Node', apiVersion: 'v1', metadata: { name: 'edge-1', uid: 'n' } };
const review = (kind: string, status?: object): object => ({
  kind,
  apiVersion: kind === 'TokenReview' ? 'authentication.k8s.io/v1' : 'authorization.k8s.io/v1',
  metadata: { creationTimestamp: null },
  status,
});
const token = (status: object): object => ({
  kind: 'TokenRequest',
  apiVersion: 'authentication.k8s.io/v1',
  metadata: { name: 'default', namespace: 'default' },
  status,
});
const expirationTimestamp = '2026-01-01T01:00:00Z';
const success = { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success' };
const { pods, tokenReviews, subjectAccessReviews } = paths;
const own = paths.pod('default', 'web');
const tokenPath = paths.token('default', 'default');

function decoded(method: string, path: string, answer: unknown): unknown {
  const text = typeof answer === 'string' ? answer : JSON.stringify(answer);
  return decodeAnswer(answerForm(method, path), text);
}

describe('an answer is what was asked for', () => {
  const rows: [name: string, method: string, path: string, answer: object][] = [
    ['a list', 'GET', pods, list()],
    ['a list of nothing', 'GET', pods, list({ items: [] })],
    ['a pod', 'GET', own, pod()],
    ['a pod whose status was written', 'PATCH', paths.podStatus('default', 'web'), pod()],
    ['a pod that was made', 'POST', paths.podsIn('default'), pod()],
    ['a pod that is going', 'DELETE', own, pod()],
    ['that it is gone', 'DELETE', own, success],
    ['an eviction', 'POST', paths.podEviction('default', 'web'), success],
    ['a node', 'PATCH', paths.nodeStatus('edge-1'), node],
    [
      'who one is',
      'POST',
      paths.selfSubjectReviews,
      {
        ...review('SelfSubjectReview', { userInfo: { username: 'system:node:a', groups: ['system:nodes'] } }),
        apiVersion: 'authentication.k8s.io/v1',
      },
    ],
    ['an unknown token', 'POST', tokenReviews, review('TokenReview', { user: {}, error: 'unknown' })],
    [
      'a known token',
      'POST',
      tokenReviews,
      review('TokenReview', { authenticated: true, user: { username: 'u' } }),
    ],
    ['a no', 'POST', subjectAccessReviews, review('SubjectAccessReview', { allowed: false })],
    ['a yes', 'POST', subjectAccessReviews, review('SubjectAccessReview', { allowed: true })],
    ['a token', 'POST', tokenPath, token({ token: 't', expirationTimestamp })],
    ['the version', 'GET', '/version', { gitVersion: 'v1.36.3' }],
    [
      'a list of what farlet does not know',
      'GET',
      '/apis/apps/v1/namespaces/default/deployments',
      { kind: 'DeploymentList', apiVersion: 'apps/v1', metadata: {}, items: [] },
    ],
  ];
  for (const [name, method, path, answer] of rows)
    it(name, () => {
      assert.deepEqual(decoded(method, path, answer), JSON.parse(JSON.stringify(answer)));
    });

  it('a list whose items are null has none', () => {
    assert.deepEqual(decoded('GET', pods, list({ items: null })), list({ items: [] }));
  });
});

describe('an answer that is not what was asked for is a failed call', () => {
  const { kind: _kind, ...kindless } = list() as { kind: string };
  const { items: _items, ...itemless } = list() as { items: unknown };
  const other = pod({ metadata: { name: 'other' } });
  const rows: [name: string, method: string, path: string, answer: unknown, says: RegExp][] = [
    ['nothing', 'GET', pods, '', /empty/],
    ['blanks', 'GET', pods, ' \n', /empty/],
    ['a login page', 'GET', pods, '<html>Log in</html>', /not JSON: <html>Log in/],
    ['half a list', 'GET', pods, JSON.stringify(list()).slice(0, -9), /not JSON/],
    ['null', 'GET', pods, 'null', /no JSON object/],
    ['an array', 'GET', pods, '[]', /no JSON object/],
    ['an empty object', 'GET', pods, {}, /JSON without a kind/],
    ['a Status for a list', 'GET', pods, success, /a Status of v1, not a PodList/],
    ['a list without kind', 'GET', pods, kindless, /without a kind/],
    ['a list without items', 'GET', pods, itemless, /no items/],
    ['a list of another version', 'GET', pods, list({ apiVersion: 'v2' }), /PodList of v2/],
    ['a list of others', 'GET', pods, list({ kind: 'NodeList' }), /NodeList of v1/],
    ['items that are no list', 'GET', pods, list({ items: {} }), /no items/],
    ['a list of things', 'GET', pods, list({ items: [7] }), /no object/],
    ['a pod without UID', 'GET', pods, list({ items: [pod({ metadata: { uid: '' } })] }), /no uid/],
    ['an item of another kind', 'GET', pods, list({ items: [node] }), /a Node of v1/],
    ['a pod without containers', 'GET', own, { ...pod(), spec: {} }, /no containers/],
    ['another pod', 'GET', own, other, /the name other, not web/],
    ['a pod of elsewhere', 'GET', own, pod({ metadata: { namespace: 'x' } }), /the namespace x/],
    ['a Status for a pod', 'PATCH', own, success, /not a Pod/],
    ['a page for a deletion', 'DELETE', own, '<html>', /not JSON/],
    ['another pod’s deletion', 'DELETE', own, other, /the name other/],
    ['a pod for an eviction', 'POST', paths.podEviction('default', 'web'), pod(), /not a Status of success/],
    ['no verdict', 'POST', subjectAccessReviews, review('SubjectAccessReview'), /no status/],
    ['half a verdict', 'POST', subjectAccessReviews, review('SubjectAccessReview', {}), /does not say/],
    [
      'a word',
      'POST',
      subjectAccessReviews,
      review('SubjectAccessReview', { allowed: 'true' }),
      /does not say/,
    ],
    ['no review', 'POST', tokenReviews, review('TokenReview'), /no status/],
    ['half a review', 'POST', tokenReviews, review('TokenReview', {}), /does not say/],
    [
      'one of oneself without a name',
      'POST',
      paths.selfSubjectReviews,
      { ...review('SelfSubjectReview', { userInfo: {} }), apiVersion: 'authentication.k8s.io/v1' },
      /does not say who/,
    ],
    [
      'a token of nobody',
      'POST',
      tokenReviews,
      review('TokenReview', { authenticated: true, user: {} }),
      /nobody/,
    ],
    [
      'a review for a verdict',
      'POST',
      subjectAccessReviews,
      review('TokenReview', { user: {} }),
      /TokenReview/,
    ],
    ['no token', 'POST', tokenPath, token({}), /no token/],
    ['a token for ever', 'POST', tokenPath, token({ token: 't' }), /none that expires/],
  ];
  for (const [name, method, path, answer, says] of rows)
    it(name, () => {
      assert.throws(
        () => decoded(method, path, answer),
        (error: unknown) =>
          error instanceof KubeError && error.kind === 'unavailable' && says.test(error.message),
      );
    });
});
