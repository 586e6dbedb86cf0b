const text = { type: "string" };
const inQuery = { ...text, location: "query" };
const inPath = { ...text, location: "path", required: true };
const states = { ...text, enum: ["inactive", "loaded", "launched"] };
const listOf = ($ref: string) => ({ type: "array", items: { $ref } });
const object = (id: string, properties: object) => ({ id, type: "object", properties });
const page = (id: string, field: string, of: string) =>
  object(id, { [field]: listOf(of), nextPageToken: text });
const method = (id: string, httpMethod: string, path: string, description: string) => {
  const named = path.includes("{unitName}");
  return {
    id: `fleet.${id}`,
    description,
    httpMethod,
    path,
    parameters: named ? { unitName: inPath } : { nextPageToken: inQuery },
    ...(named && { parameterOrder: ["unitName"] }),
  };
};
const answering = ($ref: string) => ({ response: { $ref } });

const SCHEMAS = {
  Machine: object("Machine", {
    id: text,
    primaryIP: text,
    metadata: { type: "object", properties: {}, additionalProperties: text },
  }),
  MachinePage: page("MachinePage", "machines", "Machine"),
  UnitOption: object("UnitOption", { section: text, name: text, value: text }),
  Unit: object("Unit", {
    name: text,
    options: listOf("UnitOption"),
    desiredState: states,
    currentState: states,
    machineID: { ...text, required: true },
  }),
  UnitPage: page("UnitPage", "units", "Unit"),
  UnitState: object("UnitState", {
    name: text,
    hash: text,
    machineID: text,
    systemdLoadState: text,
    systemdActiveState: text,
    systemdSubState: text,
  }),
  UnitStatePage: page("UnitStatePage", "states", "UnitState"),
};

const RESOURCES = {
  Machines: {
    methods: {
      List: {
        ...method("Machine.List", "GET", "machines", "Lists machines, a page at a time."),
        ...answering("MachinePage"),
      },
    },
  },
  Units: {
    methods: {
      List: {
        ...method("Unit.List", "GET", "units", "Lists units, a page at a time."),
        ...answering("UnitPage"),
      },
      Get: {
        ...method("Unit.Get", "GET", "units/{unitName}", "Shows one unit."),
        ...answering("Unit"),
      },
      Delete: method("Unit.Delete", "DELETE", "units/{unitName}", "Destroys a unit."),
      Set: {
        ...method("Unit.Set", "PUT", "units/{unitName}", "Submits or changes a unit."),
        request: { $ref: "Unit" },
      },
    },
  },
  UnitState: {
    methods: {
      Get: {
        ...method("UnitState.Get", "GET", "state/{unitName}", "Shows the state of one unit."),
        ...answering("UnitState"),
      },
      List: {
        ...method("UnitState.List", "GET", "state", "Lists unit states, a page at a time."),
        parameters: { nextPageToken: inQuery, unitName: inQuery, machineID: inQuery },
        ...answering("UnitStatePage"),
      },
    },
  },
};

/** The machine-readable description of the fleet API v1, in Google's discovery format as the original serves it. */
export const DISCOVERY_DOCUMENT = {
  kind: "discovery#restDescription",
  discoveryVersion: "v1",
  id: "fleet:v1",
  name: "schema",
  version: "v1",
  title: "fleet API",
  description: "",
  protocol: "rest",
  baseUrl: "$ENDPOINT/fleet/v1/",
  basePath: "/fleet/v1/",
  rootUrl: "$ENDPOINT/",
  servicePath: "fleet/v1/",
  schemas: SCHEMAS,
  resources: RESOURCES,
};
