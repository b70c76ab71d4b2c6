import { CodedError } from '@stoa/schema';
import {
  type ConstDirectiveNode,
  type GraphQLObjectType,
  type GraphQLSchema,
  isObjectType,
  valueFromASTUntyped,
} from 'graphql';
import { z } from 'zod';

/** Who may see a field, as its `@access` in the SDL says. */
export interface FieldPolicy {
  /** Any of them will do. */
  readonly scopes: readonly string[];
  /** Whether it is for everybody: market data, and what has no content of its own. */
  readonly isPublic: boolean;
  readonly owner: 'any' | 'caller' | 'issuer' | 'venue';
  /** Whether the caller must prove that it holds the token's key. */
  readonly proof: boolean;
}

const PUBLIC_SCOPE = 'public';
const KNOWN_SCOPES = new Set([
  ...[PUBLIC_SCOPE, 'orders:read', 'orders:write', 'issuer:read', 'settlement:operate'],
  'records:read',
]);

const shape = z
  .strictObject({
    scopes: z.array(z.string().refine((scope) => KNOWN_SCOPES.has(scope))).min(1),
    owner: z.enum(['any', 'caller', 'issuer', 'venue']).default('any'),
    proof: z.boolean().default(false),
  })
  .transform((given) => ({ ...given, isPublic: given.scopes.includes(PUBLIC_SCOPE) }));

/**
 * The policy of every field of a schema, by `Type.field`: the field's own, or its type's.
 *
 * @throws CodedError FIELD_WITHOUT_POLICY for a field that has neither, or one that is malformed: what
 * nobody decided about is not served
 */
export function readFieldPolicies(schema: GraphQLSchema): ReadonlyMap<string, FieldPolicy> {
  const policies = new Map<string, FieldPolicy>();
  for (const type of Object.values(schema.getTypeMap()).filter(isObjectType)) {
    if (type.name.startsWith('_')) continue;
    const ofType = policyIn(directivesOf(type), type.name);
    for (const field of Object.values(type.getFields())) {
      // Federation's own: the SDL is public, and entities are types whose fields have policies.
      if (field.name.startsWith('_')) continue;
      const name = `${type.name}.${field.name}`;
      const policy = policyIn(field.astNode?.directives ?? [], name) ?? ofType;
      if (!policy) {
        const message = `${name} has no @access, and neither has its type.`;
        throw new CodedError('FIELD_WITHOUT_POLICY', message);
      }
      policies.set(name, policy);
    }
  }
  return policies;
}

function directivesOf(type: GraphQLObjectType): ConstDirectiveNode[] {
  return [type.astNode, ...type.extensionASTNodes].flatMap((node) => node?.directives ?? []);
}

function policyIn(
  directives: readonly ConstDirectiveNode[],
  name: string,
): FieldPolicy | undefined {
  const found = directives.filter((directive) => directive.name.value === 'access');
  const [first] = found;
  if (!first) return undefined;
  const given = Object.fromEntries(
    (first.arguments ?? []).map((one) => [one.name.value, valueFromASTUntyped(one.value)]),
  );
  const parsed = shape.safeParse(given);
  if (parsed.success && found.length === 1) return parsed.data;
  throw new CodedError('FIELD_WITHOUT_POLICY', `The @access of ${name} is no policy.`);
}
