import type { CheckRequest } from '../../planner/effects.ts';
import type { CheckObservation } from '../../planner/observed.ts';

export type Answer = Omit<CheckObservation, 'id'>;

export type CheckOf<K extends CheckRequest['kind']> = Extract<CheckRequest, { readonly kind: K }>;

export const passed = (message: string): Answer => ({ state: 'passed', message: message.slice(0, 500), remedy: '' });

export const failed = (message: string, remedy: string): Answer => ({
  state: 'failed',
  message: message.slice(0, 500),
  remedy: remedy.slice(0, 500),
});

export const unknown = (message: string, remedy: string): Answer => ({
  state: 'unknown',
  message: message.slice(0, 500),
  remedy: remedy.slice(0, 500),
});

export const absent: Answer = { state: 'absent', message: '', remedy: '' };
export const working = (message: string): Answer => ({ state: 'working', message, remedy: '' });
export const running = (message: string): Answer => ({ state: 'running', message, remedy: '' });
