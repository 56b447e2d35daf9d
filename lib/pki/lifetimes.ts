/** How long certificates live, and when each is due. A hall is promised 60 days without uplink: hence 90 days, renewed at 30. */
export const dayMs = 86_400_000;
export const leafLifetimeDays = 90;
export const leafRenewedAtDays = 30;
export const authorityLifetimeDays = 3_650;
/** An authority with less than this left gets a successor. */
export const authorityRolloverDays = 365;
/** A successor is only trusted for this long before it signs: the longest that somebody may have been without news. */
export const authoritySpreadDays = 90;
/** `notBefore` lies this far in the past, so that a machine whose clock is behind by less accepts a fresh certificate. */
export const backdatedMs = 3_600_000;
