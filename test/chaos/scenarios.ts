import type { Scenario } from './scenario.ts';
import { alternate } from './scenarios/alternate.ts';
import { freezeArbiter, killArbiter, killArbiterKillPostmaster } from './scenarios/arbiter-away.ts';
import { blockReplayKillPostmaster } from './scenarios/block-replay-kill-postmaster.ts';
import { cancelSyncWait, terminateSyncWait } from './scenarios/break-sync-wait.ts';
import { busyProcessors } from './scenarios/busy-processors.ts';
import { checkpointOnSlowDisk } from './scenarios/checkpoint-on-slow-disk.ts';
import { claimantLosesArbiter } from './scenarios/claimant-loses-arbiter.ts';
import { corruptControlFile } from './scenarios/corrupt-control-file.ts';
import { cutMembersApart } from './scenarios/cut-members-apart.ts';
import { cutPrimary } from './scenarios/cut-primary.ts';
import { cutPrimaryFromArbiter } from './scenarios/cut-primary-from-arbiter.ts';
import { cutStandby } from './scenarios/cut-standby.ts';
import { deafPrimary } from './scenarios/deaf-primary.ts';
import { deafStandby } from './scenarios/deaf-standby.ts';
import { damagePrimaryLog, damageStandbyLog } from './scenarios/damage-log.ts';
import { deletePrimaryData, deleteStandbyData, deleteStandbyDataKillPostmaster } from './scenarios/delete-data.ts';
import { deleteRecordKillPostmaster, deleteRecordServesOn } from './scenarios/delete-record.ts';
import { editAutoConf, reloadAutoConf } from './scenarios/edit-auto-conf.ts';
import { editRecordByHand } from './scenarios/edit-record.ts';
import { exhaustConnections } from './scenarios/exhaust-connections.ts';
import { formerrDns, refusingDns, silentDns, slowDns } from './scenarios/faulty-dns.ts';
import { fillPrimaryDisk } from './scenarios/fill-primary-disk.ts';
import { fillStandbyDisk } from './scenarios/fill-standby-disk.ts';
import { flapPeerLink, flapPeerLinkShortly, flapPrimaryLink, flapPrimaryLinkSlowly } from './scenarios/flap-link.ts';
import { flapWalreceiver } from './scenarios/flap-walreceiver.ts';
import { freezePostgresql } from './scenarios/freeze-postgresql.ts';
import { freezePrimary } from './scenarios/freeze-primary.ts';
import { freezePrimaryAgent } from './scenarios/freeze-primary-agent.ts';
import { freezePrimaryDisk } from './scenarios/freeze-primary-disk.ts';
import { freezeStandbyAgent } from './scenarios/freeze-standby-agent.ts';
import { freezeStandbyDisk } from './scenarios/freeze-standby-disk.ts';
import { freezeStartup } from './scenarios/freeze-startup.ts';
import { freezeStartupKillPostmaster } from './scenarios/freeze-startup-kill-postmaster.ts';
import { freezeWalreceiver } from './scenarios/freeze-walreceiver.ts';
import { freezeWalsender } from './scenarios/freeze-walsender.ts';
import { halfOpenPrimary } from './scenarios/half-open-primary.ts';
import { halfOpenStandby } from './scenarios/half-open-standby.ts';
import { healInMidPromotion } from './scenarios/heal-in-mid-promotion.ts';
import { freezeHallServer, killHallServer } from './scenarios/hurt-hall-server.ts';
import { jumpClock } from './scenarios/jump-clock.ts';
import { killArbiterInMidClaim } from './scenarios/kill-arbiter-in-mid-claim.ts';
import { killBothAtOnce, killBothStaleFirst, killBothStandbyReturns } from './scenarios/kill-both.ts';
import { killNewPrimary } from './scenarios/kill-new-primary.ts';
import { killPostmaster } from './scenarios/kill-postmaster.ts';
import { killPostmasterCutFromArbiter } from './scenarios/kill-postmaster-cut-from-arbiter.ts';
import { killPrimaryAgent } from './scenarios/kill-primary-agent.ts';
import { killRewind } from './scenarios/kill-rewind.ts';
import { killStandbyAgent } from './scenarios/kill-standby-agent.ts';
import { killStandbyInMidPromotion, restartStandbyInMidPromotion } from './scenarios/kill-standby-in-mid-promotion.ts';
import { killWaitingBackend } from './scenarios/kill-waiting-backend.ts';
import { lockCatalogKillPostmaster } from './scenarios/lock-catalog-kill-postmaster.ts';
import { losePacketsToPrimary } from './scenarios/lose-packets-to-primary.ts';
import { losePacketsToStandby } from './scenarios/lose-packets-to-standby.ts';
import { losePrimaryPower, loseStandbyPower } from './scenarios/lose-power.ts';
import { mutePrimary } from './scenarios/mute-primary.ts';
import { muteStandby } from './scenarios/mute-standby.ts';
import { noOperator } from './scenarios/no-operator.ts';
import { promoteByHand } from './scenarios/promote-by-hand.ts';
import { rewindAfterPromotion } from './scenarios/rewind-after-promotion.ts';
import { runOutOfMemory } from './scenarios/run-out-of-memory.ts';
import { setBackRecord } from './scenarios/set-back-record.ts';
import { setBackRecordUnseen } from './scenarios/set-back-record-unseen.ts';
import { slowPrimaryDisk, slowStandbyDisk } from './scenarios/slow-disk.ts';
import { smartShutdown } from './scenarios/smart-shutdown.ts';
import { switchoverAndKill } from './scenarios/switchover-and-kill.ts';
import { freezePrimaryWithoutKubernetes, killEtcd, killPrimaryWithoutKubernetes } from './scenarios/without-kubernetes.ts';

/** Every scenario, in the order in which they run and are reported. */
export const scenarios: readonly Scenario[] = [
  killPostmaster,
  smartShutdown,
  killWaitingBackend,
  freezePrimary,
  freezePostgresql,
  freezeWalsender,
  freezeWalreceiver,
  freezeStartup,
  freezeStartupKillPostmaster,
  killPrimaryAgent,
  freezePrimaryAgent,
  killStandbyAgent,
  freezeStandbyAgent,
  killHallServer,
  freezeHallServer,
  busyProcessors,
  exhaustConnections,
  runOutOfMemory,
  cutPrimary,
  cutMembersApart,
  cutPrimaryFromArbiter,
  killPostmasterCutFromArbiter,
  claimantLosesArbiter,
  cutStandby,
  mutePrimary,
  muteStandby,
  deafPrimary,
  losePacketsToStandby,
  losePacketsToPrimary,
  healInMidPromotion,
  halfOpenPrimary,
  halfOpenStandby,
  flapPeerLink,
  flapPrimaryLink,
  flapPrimaryLinkSlowly,
  flapPeerLinkShortly,
  silentDns,
  slowDns,
  refusingDns,
  formerrDns,
  blockReplayKillPostmaster,
  lockCatalogKillPostmaster,
  checkpointOnSlowDisk,
  cancelSyncWait,
  terminateSyncWait,
  killRewind,
  rewindAfterPromotion,
  flapWalreceiver,
  editAutoConf,
  reloadAutoConf,
  fillPrimaryDisk,
  fillStandbyDisk,
  losePrimaryPower,
  loseStandbyPower,
  freezePrimaryDisk,
  freezeStandbyDisk,
  slowPrimaryDisk,
  slowStandbyDisk,
  corruptControlFile,
  deleteStandbyData,
  deletePrimaryData,
  noOperator,
  killArbiter,
  freezeArbiter,
  killArbiterKillPostmaster,
  killArbiterInMidClaim,
  deleteRecordServesOn,
  deleteRecordKillPostmaster,
  editRecordByHand,
  setBackRecord,
  setBackRecordUnseen,
  killBothStaleFirst,
  killBothAtOnce,
  killBothStandbyReturns,
  killNewPrimary,
  killStandbyInMidPromotion,
  restartStandbyInMidPromotion,
  switchoverAndKill,
  promoteByHand,
  alternate,
  deafStandby,
  jumpClock,
  deleteStandbyDataKillPostmaster,
  damagePrimaryLog,
  damageStandbyLog,
  killPrimaryWithoutKubernetes,
  freezePrimaryWithoutKubernetes,
  killEtcd,
];
