// Starts `emr lsp` for files that end in `.emr`, and stops it with the editor.

const { workspace } = require("vscode");
const { LanguageClient } = require("vscode-languageclient/node");

let client;

/** Called when the first file of the language is opened. */
function activate() {
  const command = workspace.getConfiguration("emr").get("path", "emr");
  const server = { command, args: ["lsp"] };
  client = new LanguageClient("emr", "emr", server, {
    documentSelector: [{ language: "emr" }, { scheme: "file", pattern: "**/emr.toml" }],
    synchronize: { fileEvents: workspace.createFileSystemWatcher("**/{emr.toml,*.csv,*.json}") },
  });
  return client.start();
}

function deactivate() {
  return client?.stop();
}

module.exports = { activate, deactivate };
