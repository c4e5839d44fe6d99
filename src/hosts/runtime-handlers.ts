/**
 * A runtime's handlers, from its Status. Which of them give a pod a kernel of its own (Kata's virtual
 * machines, gVisor) CRI does not tell; the configuration that containerd shows to a verbose Status does.
 * Pure.
 */
import type { StatusResponse__Output } from './cri/generated/runtime/v1/StatusResponse.ts';
import type { RuntimeHandlerInfo } from './runtime-host.ts';

/** What a runtime's configuration says of its handlers, by name; "" is the default handler. */
export type HandlerSettings = ReadonlyMap<string, HandlerSetting>;

export interface HandlerSetting {
  /** containerd's runtime_type, or the program behind it */
  readonly type: string;
  /**
   * keys of pod annotations that the handler is given, with * at their end; undefined where the runtime
   * doesn't tell
   */
  readonly podAnnotations?: readonly string[];
}

/** Shims, programs and handler names by which such runtimes are known. */
const ownKernel = /(^|[./-])(kata|runsc|gvisor|krun|firecracker|urunc|runhcs)([./-]|$)/i;
const MAX_CONFIG = 1024 * 1024;

/** Of a verbose Status; undefined where the runtime shows no configuration in containerd's form. */
export function handlerSettings(config: string | undefined): HandlerSettings | undefined {
  if (config === undefined || config.length > MAX_CONFIG) return undefined;
  const containerd = record(record(parse(config)).containerd);
  const runtimes = Object.entries(record(containerd.runtimes));
  if (runtimes.length === 0) return undefined;
  const settings = new Map(runtimes.map(([name, runtime]) => [name, setting(record(runtime))]));
  const usual = settings.get(text(containerd.defaultRuntimeName));
  return new Map([...(usual === undefined ? [] : [['', usual] as const]), ...settings]);
}

function setting(runtime: Record<string, unknown>): HandlerSetting {
  const program = text(record(runtime.options).BinaryName);
  const annotations = runtime.PodAnnotations;
  return {
    type: [text(runtime.runtimeType), program].filter((each) => each !== '').join(' '),
    podAnnotations: Array.isArray(annotations) ? annotations.map(text) : [],
  };
}

/**
 * What the runtime lists (KEP-3857), or on runtimes that list nothing (containerd 1.x) what their
 * configuration names. `sandboxed` names handlers whose pods have a kernel of their own though neither type
 * nor name tells.
 */
export function runtimeHandlers(
  listed: StatusResponse__Output['runtime_handlers'],
  settings: HandlerSettings | undefined,
  sandboxed: readonly string[],
): RuntimeHandlerInfo[] {
  const features = new Map(listed.map(({ name, features: each }) => [name, each]));
  const names = listed.length > 0 ? [...features.keys()] : [...(settings?.keys() ?? [])];
  return names.map((name) => ({
    name,
    recursiveReadOnlyMounts: features.get(name)?.recursive_read_only_mounts ?? false,
    userNamespaces: features.get(name)?.user_namespaces ?? false,
    ownKernel: sandboxed.includes(name) || hasOwnKernel(name, settings?.get(name)),
  }));
}

/** The type tells; where it isn't known the name does. */
function hasOwnKernel(name: string, known: HandlerSetting | undefined): boolean {
  return (known === undefined ? [name] : known.type.split(' ')).some((each) => ownKernel.test(each));
}

function parse(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    // CRI-O shows TOML there
    return undefined;
  }
}

function record(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
