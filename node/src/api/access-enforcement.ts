import type { VenueId } from '@stoa/schema';
import {
  defaultFieldResolver,
  type GraphQLError,
  type GraphQLField,
  type GraphQLSchema,
  isObjectType,
} from 'graphql';
import { type ApiContext, judgeAccess } from './api-context.ts';
import { type FieldPolicy, readFieldPolicies } from './field-policies.ts';

/** Told of every field that was denied: `Type.field`, to whom, and why. */
export type OnDenied = (context: ApiContext, field: string, error: GraphQLError) => void;

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
  const check = (context: ApiContext): void => {
    const denied = judgeAccess(context.auth, policy, home);
    if (!denied) return;
    onDenied(context, name, denied);
    throw denied;
  };
  field.resolve = (source, args, context, info) => {
    check(context);
    return resolve(source, args, context, info);
  };
  if (!subscribe) return;
  field.subscribe = (source, args, context, info) => {
    check(context);
    return subscribe(source, args, context, info);
  };
}
