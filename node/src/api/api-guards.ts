import type { Logger } from '../telemetry/logger.ts';
import {
  EXECUTION_GUARDS,
  type ExecutionGuardOptions,
  type ExecutionGuards,
  executionGuards,
} from './execution-guards.ts';
import { openPersistedOperations } from './persisted-operations.ts';
import {
  REQUEST_LIMITS,
  type RequestGuards,
  type RequestLimits,
  requestGuards,
} from './request-guards.ts';

/** What operations meet before they are executed; what is left out is as the defaults have it. */
export interface ApiGuardOptions extends Partial<RequestLimits>, Partial<ExecutionGuardOptions> {
  /** File of persisted operations; it is watched. */
  readonly persistedOperationsFile?: string | undefined;
  /** Whether operations that are not persisted are refused. */
  readonly onlyPersisted?: boolean | undefined;
}

/** The guards of a server, in the order in which operations meet them. */
export interface ApiGuards {
  /** Before an operation is validated. */
  readonly ofRequests: RequestGuards;
  /** Between its validation and its execution. */
  readonly ofExecution: ExecutionGuards;
  close(): void;
}

/**
 * Makes the guards that nodes and gateways have alike.
 *
 * @throws CodedError FILE_UNREADABLE for the persisted operations
 */
export async function createApiGuards(
  options: ApiGuardOptions,
  needs: { readonly logger: Logger },
): Promise<ApiGuards> {
  const { persistedOperationsFile: path, onlyPersisted = false } = options;
  const operations = path === undefined ? undefined : await openPersistedOperations(path, needs);
  return {
    ofRequests: requestGuards(
      { ...REQUEST_LIMITS, ...options },
      { operations, only: onlyPersisted },
    ),
    ofExecution: executionGuards({ ...EXECUTION_GUARDS, ...options }),
    close: () => operations?.close(),
  };
}
