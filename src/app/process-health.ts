/** What is wrong with the process, in sentences: for its health port. */
import type { ProcessContext } from './process-context.ts';
import type { NodeApp } from './node/node.ts';
import { syncLoopsProblem } from '../sync/sync-loop-health.ts';

export class ProcessHealth {
  readonly #context: ProcessContext;
  /** Why the API server is out of reach; undefined: it is not. */
  apiProblem: string | undefined;

  constructor(context: ProcessContext) {
    this.#context = context;
    this.apiProblem = context.standalone ? undefined : 'the API server has not been reached yet';
  }

  /** None: healthy. An API server that is away is a problem only where nothing can run without it. */
  problems(): string[] {
    const { config, nodes, needsApi } = this.#context;
    return [
      ...(this.apiProblem === undefined || !needsApi ? [] : [this.apiProblem]),
      ...(nodes.length === 0 ? config.nodes : []).map(({ name }) => `node ${name}: has not started yet`),
      ...nodes.flatMap((node) => {
        if (node.hasLeft) return [];
        const problem = node.problem() ?? this.#problemOf(node.app());
        return problem === undefined ? [] : [`node ${node.name}: ${problem}`];
      }),
    ];
  }

  /** Why a node that this farlet runs is not as it should be. */
  #problemOf(node: NodeApp | undefined): string | undefined {
    const { needsApi, clock } = this.#context;
    if (node === undefined) return 'has not started yet';
    if (!node.podsAreKnown({ withoutApi: !needsApi })) return 'its pods have not been listed yet';
    return node.problem() ?? syncLoopsProblem(node.hosts, clock.monotonic());
  }
}
