import type { KubeObject } from '../model/kube.ts';

/** Whether an object matches a field selector of this process: `metadata.name=` or `spec.nodeName=`. Pure. */
export function matchesFields(object: KubeObject, selector: string | undefined): boolean {
  if (selector === undefined) return true;
  const [field, value] = selector.split('=');
  switch (field) {
    case 'metadata.name':
      return object.metadata?.name === value;
    case 'spec.nodeName':
      return (object as { spec?: { nodeName?: string } }).spec?.nodeName === value;
    default:
      return true;
  }
}
