// Every action on a server. A new one joins here.
import type { ComputeAction } from '../../route.ts';
import { floatingIpActions } from '../../resources/proxies/floating-ips.ts';
import { consoleActions } from '../../resources/consoles/consoles.ts';
import { fixedIpActions } from './fixed-ips.ts';
import { changePasswordAction } from './change-password.ts';
import { consoleOutputAction } from './console-output.ts';
import { crashDumpAction } from './crash-dump.ts';
import { createBackupAction, createImageAction } from './create-image.ts';
import { evacuateAction } from './evacuate.ts';
import { forceDeleteAction } from './force-delete.ts';
import { goneActions } from './gone.ts';
import { lockAction, unlockAction } from './lock.ts';
import { migrateLiveAction } from './migrate-live.ts';
import { migrateAction } from './migrate.ts';
import { pauseAction } from './pause.ts';
import { rebootAction } from './reboot.ts';
import { confirmResizeAction, resizeAction, revertResizeAction } from './resize.ts';
import { rebuildAction } from './rebuild.ts';
import { rescueAction, unrescueAction } from './rescue.ts';
import { injectNetworkInfoAction, resetStateAction } from './reset-state.ts';
import { restoreAction } from './restore.ts';
import { resumeAction } from './resume.ts';
import { securityGroupActions } from './security-groups.ts';
import { shelveAction, shelveOffloadAction, unshelveAction } from './shelve.ts';
import { startAction } from './start.ts';
import { stopAction } from './stop.ts';
import { suspendAction } from './suspend.ts';
import { unpauseAction } from './unpause.ts';

export const serverActions: readonly ComputeAction[] = [
  startAction,
  stopAction,
  rebootAction,
  pauseAction,
  unpauseAction,
  suspendAction,
  resumeAction,
  rebuildAction,
  rescueAction,
  unrescueAction,
  createImageAction,
  createBackupAction,
  lockAction,
  unlockAction,
  forceDeleteAction,
  restoreAction,
  resetStateAction,
  injectNetworkInfoAction,
  consoleOutputAction,
  crashDumpAction,
  changePasswordAction,
  ...fixedIpActions,
  resizeAction,
  confirmResizeAction,
  revertResizeAction,
  migrateAction,
  migrateLiveAction,
  evacuateAction,
  shelveAction,
  shelveOffloadAction,
  unshelveAction,
  ...consoleActions,
  ...securityGroupActions,
  ...floatingIpActions,
  ...goneActions,
];
