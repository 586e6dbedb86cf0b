import type {
  SchemaMachine,
  SchemaUnit,
  SchemaUnitOption,
  SchemaUnitState,
} from "./core/schema.ts";

/** The original's API leaves out every member that is empty, ours some: here they are again. */

export type SparseUnit = Partial<Omit<SchemaUnit, "options">> & {
  readonly options?: readonly Partial<SchemaUnitOption>[];
};

export function wholeUnit(unit: SparseUnit): SchemaUnit {
  return {
    name: "",
    desiredState: "inactive",
    currentState: "inactive",
    ...unit,
    options: (unit.options ?? []).map((option) => ({
      section: "",
      name: "",
      value: "",
      ...option,
    })),
  };
}

export function wholeState(state: Partial<SchemaUnitState>): SchemaUnitState {
  return {
    name: "",
    hash: "",
    machineID: "",
    systemdLoadState: "",
    systemdActiveState: "",
    systemdSubState: "",
    ...state,
  };
}

export function wholeMachine(machine: Partial<SchemaMachine>): SchemaMachine {
  return { id: "", primaryIP: "", metadata: {}, ...machine };
}
