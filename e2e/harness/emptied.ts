import type { TestHost } from './host.ts';
import { eventually } from './processes.ts';

/** Resolves once the host's runtime holds nothing: what is dead goes shortly after the pods' objects. */
export async function emptied(host: TestHost): Promise<void> {
  await eventually(
    `the runtime of ${host.name} to hold nothing`,
    async () => (await host.containers()).length === 0,
    { describe: async () => (await host.containers()).join(' ') },
  );
}
