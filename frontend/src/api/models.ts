/** What goes over the wire, generated from the OpenAPI document. */
export * from "./generated/endpoints.schemas";
