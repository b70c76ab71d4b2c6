import { z } from 'zod';
import { scheduleFault } from './session-schedule.ts';

const time = z.string().max(8);

/** A session's hours as a file has them: {@link SessionSchedule}. */
export const scheduleShape = z
  .union([
    z.strictObject({
      ...{ timeZone: z.string().max(64), start: time, end: time },
      days: z.array(z.int()).min(1).max(7),
    }),
    z.strictObject({
      ...{ timeZone: z.string().max(64), start: time, end: time },
      ...{ startDay: z.int(), endDay: z.int() },
    }),
  ])
  .superRefine((one, context) => {
    const fault = scheduleFault(one);
    if (fault !== undefined) context.addIssue({ code: 'custom', message: fault });
  });
