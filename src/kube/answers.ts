/**
 * The API server's answer, if it has the form that the call requires. Anything else is a failed call: a login
 * page, an empty body, a Status instead of a list (client-go: rest/request.go transformResponse,
 * runtime/serializer). A failed call says nothing about any object. Pure.
 */
import { KubeError } from '../model/errors.ts';
import type { AnswerForm, ObjectForm } from './answer-form.ts';

/** Reason of the KubeErrors of this file. */
export const UNEXPECTED = 'UnexpectedAnswer';

type Json = Readonly<Record<string, unknown>>;

/**
 * @throws KubeError `unavailable` for text that is no such answer; `status` is that of the answer, 200, 201
 * or 202
 */
export function decodeAnswer(form: AnswerForm, text: string, status = 200): unknown {
  const value = parseAnswer(text, status);
  const problem = answerProblem(form, value);
  if (problem !== undefined) throw unexpected(problem, status);
  // what Go sends for a slice that was never made
  if (form.is === 'list' && value.items === null) return { ...value, items: [] };
  return value;
}

export function unexpected(problem: string, status: number, options?: ErrorOptions): KubeError {
  return new KubeError(
    'unavailable',
    `${problem}; is something else answering in the API server's place?`,
    { status, reason: UNEXPECTED },
    options,
  );
}

function parseAnswer(text: string, status: number): Json {
  if (text.trim() === '') throw unexpected('the answer is empty', status);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw unexpected(`the answer is not JSON: ${excerpt(text)}`, status, { cause: error });
  }
  if (!isJson(value)) throw unexpected(`the answer is no JSON object: ${excerpt(text)}`, status);
  return value;
}

function answerProblem(form: AnswerForm, value: Json): string | undefined {
  switch (form.is) {
    case 'json':
      return undefined;
    case 'success':
      return isSuccess(value) ? undefined : `the answer is ${described(value)}, not a Status of success`;
    case 'object':
      return objectProblem(form, value);
    case 'deleted':
      return isSuccess(value) ? undefined : objectProblem(form, value);
    case 'list':
      return listProblem(form, value);
  }
}

function listProblem(form: ObjectForm, value: Json): string | undefined {
  const { kind, metadata, items } = value;
  const isKind =
    form.kind === undefined ? isText(kind) && kind.endsWith('List') : kind === `${form.kind}List`;
  if (!isKind || value.apiVersion !== form.apiVersion)
    return `the answer is ${described(value)}, not a ${form.kind ?? ''}List of ${form.apiVersion}`;
  if (!isJson(metadata)) return `the ${shown(kind)} has no metadata`;
  if (items !== null && !Array.isArray(items)) return `the ${shown(kind)} has no items`;
  for (const item of (items ?? []) as unknown[]) {
    const problem = itemProblem(form, item);
    if (problem !== undefined) return `the ${shown(kind)} has an item that is none: ${problem}`;
  }
  return undefined;
}

/** Items of typed lists say neither kind nor version; where one does, it must be the list's. */
function itemProblem(form: ObjectForm, item: unknown): string | undefined {
  if (!isJson(item)) return 'it is no object';
  const { kind = form.kind, apiVersion = form.apiVersion } = item;
  return objectProblem(form, { ...item, kind, apiVersion });
}

/** Why this is not the object that was asked for, undefined if it is. */
export function objectProblem(form: ObjectForm, value: Json): string | undefined {
  const { kind, apiVersion, metadata } = value;
  if (apiVersion !== form.apiVersion || (form.kind !== undefined && kind !== form.kind))
    return `the answer is ${described(value)}, not a ${form.kind ?? 'resource'} of ${form.apiVersion}`;
  if (!form.isStored) return passingProblem(value);
  if (!isJson(metadata)) return `the ${shown(kind)} has no metadata`;
  for (const key of ['name', 'uid'] as const)
    if (!isText(metadata[key])) return `the ${shown(kind)} has no ${key}`;
  for (const key of ['name', 'namespace'] as const)
    if (form[key] !== undefined && metadata[key] !== form[key])
      return `the ${shown(kind)} has the ${key} ${shown(metadata[key])}, not ${form[key]}`;
  return kind === 'Pod' ? podProblem(value) : undefined;
}

/** What model/kube.ts promises of a Pod: the API server stores none without. */
function podProblem({ metadata, spec }: Json): string | undefined {
  if (!isText((metadata as Json).namespace)) return 'the Pod has no namespace';
  if (!isJson(spec) || !Array.isArray(spec.containers)) return 'the Pod has no containers';
  return spec.containers.every((each) => isJson(each) && isText(each.name))
    ? undefined
    : 'the Pod has a container without a name';
}

/** Answers that grant something: what does not say so is no answer, and above all no yes. */
function passingProblem({ kind, status }: Json): string | undefined {
  if (!isJson(status)) return `the ${shown(kind)} has no status`;
  switch (kind) {
    case 'TokenRequest':
      return isText(status.token) &&
        isText(status.expirationTimestamp) &&
        !Number.isNaN(Date.parse(status.expirationTimestamp))
        ? undefined
        : 'the TokenRequest has no token, or none that expires';
    case 'TokenReview':
      return reviewProblem(status);
    case 'SelfSubjectReview':
      return isJson(status.userInfo) && isText(status.userInfo.username)
        ? undefined
        : 'the SelfSubjectReview does not say who is asking';
    default:
      return typeof status.allowed === 'boolean'
        ? undefined
        : `the ${shown(kind)} does not say whether it is allowed`;
  }
}

/**
 * Go omits `authenticated` if it is false, and always has the user, if only as {}
 * (k8s.io/api/authentication/v1).
 */
function reviewProblem({ authenticated, user }: Json): string | undefined {
  if (!isJson(user) || (authenticated !== undefined && typeof authenticated !== 'boolean'))
    return 'the TokenReview does not say whether the token is known';
  return authenticated === true && !isText(user.username)
    ? 'the TokenReview knows a token of nobody'
    : undefined;
}

function isSuccess({ kind, apiVersion, status }: Json): boolean {
  return kind === 'Status' && apiVersion === 'v1' && status === 'Success';
}

/**
 * Whether a refusal comes from the API server itself: only the API server can report that an object does not
 * exist or is in the way.
 */
export function isRefusal(value: unknown): value is Json {
  return isJson(value) && value.kind === 'Status' && value.apiVersion === 'v1' && value.status === 'Failure';
}

function described({ kind, apiVersion }: Json): string {
  return isText(kind) ? `a ${shown(kind)} of ${shown(apiVersion)}` : 'JSON without a kind';
}

export function isJson(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== '';
}

/** Any value, for a message: others' objects may say anything of how they are to be shown. */
export function shown(value: unknown): string {
  if (value === undefined) return 'nothing';
  return excerpt(typeof value === 'string' ? value : JSON.stringify(value));
}

/** Enough to recognise a login page by. */
export function excerpt(text: string): string {
  const line = text.slice(0, 500).trim().replaceAll(/\s+/g, ' ');
  return line.length > 100 ? `${line.slice(0, 100)}…` : line;
}
