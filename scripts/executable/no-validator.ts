/** Stands in the bundle for the two libraries by which the MCP SDK checks JSON Schemas, 130 KB that the server never calls. */
export class Ajv {}

export default (): void => undefined;
