import type { VenueId } from '@stoa/schema';
import {
  defaultFieldResolver,
  GraphQLError,
  type GraphQLField,
  type GraphQLFieldResolver,
  type GraphQLResolveInfo,
  type GraphQLSchema,
  isObjectType,
} from 'graphql';
import { type ApiContext, judgeAccess } from './api-context.ts';
import type { ApiErrorCode } from './api-error.ts';
import { type FieldPolicy, readFieldPolicies } from './field-policies.ts';

/** Told of every field that was denied: `Type.field`, to whom, why, and in which operation. */
export type OnDenied = (
  context: ApiContext,
  field: string,
  error: GraphQLError,
  info: GraphQLResolveInfo,
) => void;

/** Codes of what is denied because of who asks. */
const DENIALS: ReadonlySet<unknown> = new Set<ApiErrorCode>([
  ...(['FORBIDDEN', 'WRONG_HOME', 'UNAUTHENTICATED', 'TOKEN_REVOKED'] as const),
  ...(['MEMBER_NOT_STANDING', 'PROOF_REQUIRED', 'PROOF_INVALID', 'PROOF_NONCE'] as const),
]);

/** Whether an error says that its caller may not have this. */
export function isDenial(error: unknown): error is GraphQLError {
  return error instanceof GraphQLError && DENIALS.has(error.extensions['code']);
}

/**
 * Puts the policy of each field before its resolver, and before the source of each subscription: what
 * the caller may not see is not asked for. Public fields stay as they are.
 *
 * @param home the venue whose node this is; absent for a gateway, which is nobody's home
 * @throws CodedError FIELD_WITHOUT_POLICY
 */
export function enforceAccess(
  schema: GraphQLSchema,
  home: VenueId | undefined,
  onDenied: OnDenied = () => {},
): GraphQLSchema {
  const policies = readFieldPolicies(schema);
  for (const type of Object.values(schema.getTypeMap()).filter(isObjectType)) {
    for (const field of Object.values(type.getFields())) {
      const name = `${type.name}.${field.name}`;
      const policy = policies.get(name);
      if (policy && !policy.isPublic) guard(field, name, { policy, home, onDenied });
    }
  }
  return schema;
}

/** A field that is not public: what stands behind its policy, for whoever judges that beforehand. */
export interface FieldGuard {
  /** One and the same for all fields that have it from their type. */
  readonly policy: FieldPolicy;
  /** Whether the policy lets a caller have the field. It tells nobody of a denial. */
  readonly admits: (context: ApiContext) => boolean;
  /** The field's own resolver. */
  readonly resolve: Resolver;
}

const guards = new WeakMap<Resolver, FieldGuard>();

/** The guard of a field; undefined for one that is public, or whose guard is no longer the outermost. */
export function guardOf({ resolve }: GraphQLField<unknown, ApiContext>): FieldGuard | undefined {
  return resolve && guards.get(resolve);
}

type Resolver = GraphQLFieldResolver<unknown, ApiContext>;

interface Guard {
  readonly policy: FieldPolicy;
  readonly home: VenueId | undefined;
  readonly onDenied: OnDenied;
}

function guard(
  field: GraphQLField<unknown, ApiContext>,
  name: string,
  { policy, home, onDenied }: Guard,
): void {
  const { resolve = defaultFieldResolver, subscribe } = field;
  /** Judges, and tells of denials: this policy's, and those of a resolver that knows whose the rows are. */
  const guarded =
    (inner: Resolver): Resolver =>
    (source, args, context, info) => {
      const tell = (error: unknown): never => {
        if (isDenial(error)) onDenied(context, name, error, info);
        throw error;
      };
      const denied = judgeAccess(context.auth, policy, home);
      if (denied) return tell(denied);
      try {
        const value = inner(source, args, context, info);
        return value instanceof Promise ? value.catch(tell) : value;
      } catch (error) {
        return tell(error);
      }
    };
  field.resolve = guarded(resolve);
  guards.set(field.resolve, {
    ...{ policy, resolve },
    admits: ({ auth }) => judgeAccess(auth, policy, home) === undefined,
  });
  if (subscribe) field.subscribe = guarded(subscribe);
}
