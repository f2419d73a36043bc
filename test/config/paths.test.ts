import { expect, test } from "vitest";
import { resolvePaths } from "../../src/config/paths.ts";

test("without options and variables everything lies where the reference client has it", () => {
  expect(resolvePaths({}, {})).toEqual({
    confDir: "/etc/mender",
    dataDir: "/usr/share/mender",
    datastore: "/var/lib/mender",
    mainConfig: "/etc/mender/mender.conf",
    fallbackConfig: "/var/lib/mender/mender.conf",
    bootstrapArtifact: "/var/lib/mender/bootstrap.mender",
    artifactInfo: "/etc/mender/artifact_info",
    lockFile: "/var/lib/mender/switchback.lock",
  });
});

const ENV = { MENDER_CONF_DIR: "/c", MENDER_DATA_DIR: "/d", MENDER_DATASTORE_DIR: "/s" };

test("the environment moves the folders and what lies in them", () => {
  const { dataDir, mainConfig, fallbackConfig, artifactInfo } = resolvePaths({}, ENV);
  expect([dataDir, mainConfig, fallbackConfig, artifactInfo]).toEqual([
    "/d",
    "/c/mender.conf",
    "/s/mender.conf",
    "/c/artifact_info",
  ]);
});

test("the command line comes before the environment, and moves the fallback file too", () => {
  expect(resolvePaths({ datastore: "/x" }, ENV)).toMatchObject({
    datastore: "/x",
    fallbackConfig: "/x/mender.conf",
    lockFile: "/x/switchback.lock",
  });
  const named = resolvePaths({ config: "/m", fallbackConfig: "/f", datastore: "/x" }, ENV);
  expect([named.mainConfig, named.fallbackConfig]).toEqual(["/m", "/f"]);
});

test("a configuration file elsewhere does not move what the folder of configuration holds", () => {
  expect(resolvePaths({ config: "/tmp/try.conf" }, {}).artifactInfo).toBe("/etc/mender/artifact_info");
  expect(resolvePaths({ config: "/tmp/try.conf" }, ENV).artifactInfo).toBe("/c/artifact_info");
});
