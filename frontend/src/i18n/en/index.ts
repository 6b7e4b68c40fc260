import accounts from "./accounts.json";
import audit from "./audit.json";
import checks from "./checks.json";
import common from "./common.json";
import files from "./files.json";
import hooks from "./hooks.json";
import instruments from "./instruments.json";
import overview from "./overview.json";
import profile from "./profile.json";
import runs from "./runs.json";
import schedules from "./schedules.json";
import shell from "./shell.json";
import status from "./status.json";
import storage from "./storage.json";
import system from "./system.json";
import transfers from "./transfers.json";
import users from "./users.json";
import wizard from "./wizard.json";

/** All texts, one file a room of the page. English is the source; others follow its keys. */
export const en = {
  accounts,
  audit,
  checks,
  common,
  files,
  hooks,
  instruments,
  overview,
  profile,
  runs,
  schedules,
  shell,
  status,
  storage,
  system,
  transfers,
  users,
  wizard,
};
