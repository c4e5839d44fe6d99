/**
 * Prints what the bundle is made of as CycloneDX: npm's own list of the production dependencies in the lock
 * file, without what differs from run to run.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';

interface Bom {
  serialNumber?: string;
  metadata: { timestamp?: string; component: { name: string } };
}

const args = ['sbom', '--sbom-format', 'cyclonedx', '--omit', 'dev', '--package-lock-only'];
const bom = JSON.parse(execFileSync('npm', args, { encoding: 'utf8' })) as Bom;
delete bom.metadata.timestamp;
delete bom.serialNumber;
// npm names it after the folder that it is asked in
bom.metadata.component.name = 'farlet';
const digest = createHash('sha256').update(JSON.stringify(bom)).digest('hex');
const uuid = [
  digest.slice(0, 8),
  digest.slice(8, 12),
  `8${digest.slice(13, 16)}`,
  `8${digest.slice(17, 20)}`,
];
bom.serialNumber = `urn:uuid:${uuid.join('-')}-${digest.slice(20, 32)}`;
process.stdout.write(`${JSON.stringify(bom, undefined, 1)}\n`);
