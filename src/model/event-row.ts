/** What there is to know of one reason of an event. */
export interface EventRow {
  readonly type: 'Normal' | 'Warning';
  /** the object that the event is on; a container's events are on its pod, with the container as fieldPath */
  readonly about: 'Pod' | 'Container' | 'Node' | 'Pod or Node';
  /** when it comes, in one sentence */
  readonly meaning: string;
  /** what the reader can do about it */
  readonly advice?: string;
  /** the file of Kubernetes that has the rule, or 'farlet' */
  readonly source: string;
  /** the reason as the API shows it, if the same word stands for two things and the key tells them apart */
  readonly shown?: string;
}
