import { compareEngines } from '@stoa/adapters/compare-engines';
import { serveCommands } from '../process-commands.ts';
import { measureFlowReplay, writeFlow } from './flow-replay-speed.ts';
import { measureJournal } from './journal-speed.ts';

/** What is measured in a process of its own, so that one's memory is not the next one's. */
const commands = { measureJournal, writeFlow, measureFlowReplay, compareEngines };
export type EngineCommands = typeof commands;

serveCommands(commands);
