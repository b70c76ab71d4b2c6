import type { GatewayPlugin } from '@graphql-hive/gateway-runtime';
import {
  type AuditLog,
  auditDenial,
  auditEntry,
  auditUnavailable,
  idsIn,
  isDenial,
} from '@stoa/node/market-api';
import {
  type ExecutionArgs,
  type ExecutionResult,
  type FieldNode,
  type FragmentDefinitionNode,
  type GraphQLError,
  getArgumentValues,
  getOperationAST,
  Kind,
  type OperationDefinitionNode,
  type SelectionSetNode,
} from 'graphql';
import { callerOf } from './caller-context.ts';
import { responseKey } from './selection.ts';

/** Where operations are recorded. */
export type Audit = Pick<AuditLog, 'failure' | 'mutation' | 'denied'>;

/** An operation that is recorded, and when it came. */
export interface Asked {
  readonly args: ExecutionArgs;
  readonly operation: OperationDefinitionNode;
  readonly atMs: number;
}

/**
 * The stage that records what is asked through this gateway: every mutation, before its answer goes out, and
 * every field that was denied. A gateway says what it passed on, and what came back; whether an order was
 * taken or refused is the home node's record, under the same request id. No mutation goes on that could
 * not be recorded.
 */
export function auditedOperations(audit: Audit, nowMs: () => number): GatewayPlugin {
  return {
    onExecute({ args, setResultAndStopExecution }) {
      const operation = getOperationAST(args.document, args.operationName);
      if (!operation) return undefined;
      const asked: Asked = { args: args as ExecutionArgs, operation, atMs: nowMs() };
      const isMutation = operation.operation === 'mutation';
      const failure = isMutation ? audit.failure() : undefined;
      if (failure !== undefined) {
        setResultAndStopExecution({ errors: [auditUnavailable(failure)] });
        return undefined;
      }
      return {
        onExecuteDone({ result }) {
          if (Symbol.asyncIterator in result) return undefined;
          recordDenials(audit, asked, result as ExecutionResult);
          return isMutation ? recordMutations(audit, asked, result as ExecutionResult) : undefined;
        },
      };
    },
    onSubscribe({ args }) {
      const operation = getOperationAST(args.document, args.operationName);
      if (!operation) return undefined;
      const asked: Asked = { args: args as ExecutionArgs, operation, atMs: nowMs() };
      return {
        onSubscribeResult({ result }) {
          if (!(Symbol.asyncIterator in result)) {
            recordDenials(audit, asked, result as ExecutionResult);
          }
        },
      };
    },
  };
}

/** Records every field that an answer denies. */
export function recordDenials(
  audit: Pick<Audit, 'denied'>,
  asked: Asked,
  { errors = [] }: ExecutionResult,
): void {
  const { args, operation, atMs } = asked;
  const fields = errors.some(isDenial) ? rootFields(asked) : [];
  for (const error of errors.filter(isDenial)) {
    const field = fields.find((one) => responseKey(one) === error.path?.[0]) ?? fields[0];
    if (!field) continue;
    const name = nameOf(operation, field);
    audit.denied(auditDenial(requestOf(args), operation, { field: name, error, atMs }));
  }
}

async function recordMutations(
  audit: Audit,
  asked: Asked,
  { data, errors = [] }: ExecutionResult,
): Promise<void> {
  const { args, operation, atMs } = asked;
  await Promise.all(
    rootFields(asked).map(async (field) => {
      const key = responseKey(field);
      const value = (data as Readonly<Record<string, unknown>> | null | undefined)?.[key];
      const error = errors.find(({ path }) => (path?.[0] ?? key) === key);
      if (value == null && error && isDenial(error)) return;
      await audit.mutation(
        auditEntry(requestOf(args), operation, {
          ...{ kind: 'mutation', atMs, field: nameOf(operation, field) },
          ...outcomeOf(value, error),
          ...idsIn(argumentsOf(args, field), value),
        }),
      );
    }),
  );
}

function outcomeOf(value: unknown, error: GraphQLError | undefined) {
  if (value != null || !error) return { outcome: 'answered', code: null } as const;
  const { code, outcome } = error.extensions;
  const isUnknown = outcome === 'UNKNOWN';
  return {
    outcome: isUnknown ? ('unknown' as const) : ('failed' as const),
    code: typeof code === 'string' ? code : 'INTERNAL_SERVER_ERROR',
  };
}

function requestOf({ contextValue }: ExecutionArgs) {
  const { request } = contextValue as { readonly request?: Request };
  return { auth: callerOf(contextValue).auth, request };
}

function nameOf({ operation }: OperationDefinitionNode, { name }: FieldNode): string {
  return `${operation[0]?.toUpperCase()}${operation.slice(1)}.${name.value}`;
}

function argumentsOf({ schema, variableValues }: ExecutionArgs, field: FieldNode): unknown {
  const definition = schema.getMutationType()?.getFields()[field.name.value];
  return definition ? getArgumentValues(definition, field, variableValues ?? {}) : {};
}

/** The root fields of an operation that was validated, whatever fragments they stand in. */
function rootFields({ args: { document }, operation }: Asked): FieldNode[] {
  const fragments = new Map(
    document.definitions
      .filter((one): one is FragmentDefinitionNode => one.kind === Kind.FRAGMENT_DEFINITION)
      .map((one) => [one.name.value, one.selectionSet]),
  );
  const fieldsOf = (selectionSet: SelectionSetNode | undefined): FieldNode[] =>
    (selectionSet?.selections ?? []).flatMap((selection) => {
      if (selection.kind === Kind.FIELD) return [selection];
      if (selection.kind === Kind.INLINE_FRAGMENT) return fieldsOf(selection.selectionSet);
      return fieldsOf(fragments.get(selection.name.value));
    });
  return fieldsOf(operation.selectionSet);
}
