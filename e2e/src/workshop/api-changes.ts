import {
  buildSchema,
  findBreakingChanges,
  findDangerousChanges,
  type GraphQLArgument,
  type GraphQLSchema,
  isEnumType,
  isInputObjectType,
  isInterfaceType,
  isObjectType,
  isSpecifiedScalarType,
} from 'graphql';

/** A breaking change that is made on purpose, as `schema/api-changes.json` lists them. */
export interface DeclaredChange {
  /** In the words of the check. */
  readonly change: string;
  readonly why: string;
}

/** What has become of the API since it was published. */
export interface ApiChanges {
  /** Breaks clients, and nobody said that it should. */
  readonly undeclared: readonly string[];
  /** Breaks clients, as declared, or as a deprecation announced that is over. */
  readonly declared: readonly string[];
  /** Breaks no operation, and may surprise a client: a new enum value, a new member of a union. */
  readonly surprising: readonly string[];
  /** Deprecated without the date that the policy asks for. */
  readonly undated: readonly string[];
  /** Types, fields, arguments and values that nobody has described. */
  readonly undescribed: readonly string[];
}

/** The policy of docs/api.md: a reason says until when what it stands at is kept. */
const KEPT_UNTIL = /\bKept until (\d{4}-\d\d-\d\d)\b/;

/**
 * Compares the API with its published SDL.
 *
 * @param today `YYYY-MM-DD`, UTC
 */
export function compareApi(
  publishedSdl: string,
  currentSdl: string,
  declared: readonly DeclaredChange[],
  today: string,
): ApiChanges {
  const published = buildSchema(publishedSdl);
  const current = buildSchema(currentSdl);
  const allowed = new Set(declared.map(({ change }) => change));
  for (const { removal, reason } of deprecationsOf(published)) {
    const until = KEPT_UNTIL.exec(reason)?.[1];
    if (until !== undefined && until < today) allowed.add(removal);
  }
  const breaking = findBreakingChanges(published, current).map(({ description }) => description);
  return {
    undeclared: breaking.filter((change) => !allowed.has(change)),
    declared: breaking.filter((change) => allowed.has(change)),
    surprising: findDangerousChanges(published, current).map(({ description }) => description),
    undated: deprecationsOf(current).flatMap(({ place, reason }) =>
      KEPT_UNTIL.test(reason) ? [] : [place],
    ),
    undescribed: undescribedIn(current),
  };
}

interface Deprecation {
  readonly place: string;
  /** What graphql says of its removal. */
  readonly removal: string;
  readonly reason: string;
}

/** Everything in a schema that is deprecated. */
function deprecationsOf(schema: GraphQLSchema): Deprecation[] {
  return Object.values(schema.getTypeMap()).flatMap((type) => {
    if (type.name.startsWith('__')) return [];
    if (isEnumType(type)) {
      return type
        .getValues()
        .flatMap((value) =>
          noted(
            `${type.name}.${value.name}`,
            value,
            `${value.name} was removed from enum type ${type.name}.`,
          ),
        );
    }
    if (!isObjectType(type) && !isInterfaceType(type) && !isInputObjectType(type)) return [];
    return Object.values(type.getFields()).flatMap((field) => {
      const place = `${type.name}.${field.name}`;
      const args: readonly GraphQLArgument[] = 'args' in field ? field.args : [];
      return [
        ...noted(place, field, `${place} was removed.`),
        ...args.flatMap((arg) =>
          noted(`${place}(${arg.name})`, arg, `${place} arg ${arg.name} was removed.`),
        ),
      ];
    });
  });
}

function noted(
  place: string,
  { deprecationReason }: { readonly deprecationReason?: string | null | undefined },
  removal: string,
): Deprecation[] {
  return deprecationReason == null ? [] : [{ place, removal, reason: deprecationReason }];
}

/** What has no description; roots are explained by their fields. */
function undescribedIn(schema: GraphQLSchema): string[] {
  const roots = [schema.getQueryType(), schema.getMutationType(), schema.getSubscriptionType()];
  const silent = (place: string, { description }: { description?: string | null | undefined }) =>
    description ? [] : [place];
  return Object.values(schema.getTypeMap()).flatMap((type) => {
    if (type.name.startsWith('__') || isSpecifiedScalarType(type)) return [];
    const own = roots.some((root) => root === type) ? [] : silent(type.name, type);
    if (isEnumType(type)) {
      const values = type.getValues().flatMap((one) => silent(`${type.name}.${one.name}`, one));
      return [...own, ...values];
    }
    if (!isObjectType(type) && !isInterfaceType(type) && !isInputObjectType(type)) return own;
    return Object.values(type.getFields()).reduce<string[]>((places, field) => {
      const place = `${type.name}.${field.name}`;
      const args: readonly GraphQLArgument[] = 'args' in field ? field.args : [];
      const ofArgs = args.flatMap((arg) => silent(`${place}(${arg.name})`, arg));
      return [...places, ...silent(place, field), ...ofArgs];
    }, own);
  });
}
