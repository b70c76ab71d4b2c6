import { type DocumentNode, type FieldNode, Kind, type SelectionSetNode } from 'graphql';

/** Name under which a field stands in the answer. */
export function responseKey(field: FieldNode): string {
  return field.alias?.value ?? field.name.value;
}

/** The fields of a selection, inline fragments opened; plans of the engine have no other kind. */
export function fieldsOf(selectionSet: SelectionSetNode | undefined): FieldNode[] {
  return (selectionSet?.selections ?? []).flatMap((selection) => {
    if (selection.kind === Kind.FIELD) return [selection];
    return selection.kind === Kind.INLINE_FRAGMENT ? fieldsOf(selection.selectionSet) : [];
  });
}

/** The root fields of a document's one operation. */
export function rootFields(document: DocumentNode): FieldNode[] {
  return document.definitions.flatMap((definition) =>
    definition.kind === Kind.OPERATION_DEFINITION ? fieldsOf(definition.selectionSet) : [],
  );
}

/** Names of the root fields in the answer. */
export function rootResponseKeys(document: DocumentNode): string[] {
  return [...new Set(rootFields(document).map(responseKey))];
}
