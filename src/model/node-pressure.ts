/** The node conditions that lack of a resource brings. */
export const nodePressures = ['MemoryPressure', 'DiskPressure', 'PIDPressure'] as const;
export type NodePressure = (typeof nodePressures)[number];
