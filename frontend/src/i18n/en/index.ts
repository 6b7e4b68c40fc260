import accounts from "./accounts.json";
import checks from "./checks.json";
import common from "./common.json";
import files from "./files.json";
import instruments from "./instruments.json";
import runs from "./runs.json";
import schedules from "./schedules.json";
import shell from "./shell.json";
import status from "./status.json";
import storage from "./storage.json";
import transfers from "./transfers.json";

/** All texts, one file a room of the page. English is the source; others follow its keys. */
export const en = {
  accounts,
  checks,
  common,
  files,
  instruments,
  runs,
  schedules,
  shell,
  status,
  storage,
  transfers,
};
