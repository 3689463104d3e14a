// Which segments of which branch are drawn where: forks begin where they leave what they share.

/** What tells a segment from another one of the same index. */
export const identity = (segment) => segment.state_digest ?? String(segment.committed);

/** How many first segments two takes share. */
export function sharedCount(segments, others) {
  const most = Math.min(segments.length, others.length);
  let count = 0;
  while (count < most && identity(segments[count]) === identity(others[count])) count += 1;
  return count;
}

/** When each segment begins, in seconds; one more time for the end. */
export function startsOf(segments) {
  const starts = [0];
  for (const { seconds } of segments) starts.push(starts.at(-1) + seconds);
  return starts;
}

/** The takes that have the same first ancestor as this one, as far as that is there. */
export function familyOf(takes, id) {
  const rootOf = (take) => {
    let found = take;
    for (let parent = found; parent; parent = takes.get(found.parent?.id)) found = parent;
    return found.id;
  };
  const root = rootOf(takes.get(id));
  return [...takes.values()].filter((take) => rootOf(take) === root);
}

/**
 * The lanes of a family, each below the one that it left, those that leave last first: so no line
 * crosses another. `segments`: by take. A lane's `cells` are its own segments, from `from` on;
 * `isHere`: whether the current take has it.
 */
export function lanesOf(family, segments, current) {
  const byId = new Map(family.map((take) => [take.id, take]));
  const from = new Map();
  for (const take of family) {
    const parent = byId.has(take.parent?.id) ? take.parent : null;
    const shared = parent ? sharedCount(segments.get(take.id), segments.get(parent.id)) : 0;
    from.set(take.id, parent ? Math.min(shared, parent.num_segments) : 0);
  }
  const here = new Map(); // up to which index each lane is of the current take
  for (let take = byId.get(current), upTo = Infinity; take; take = byId.get(take.parent?.id)) {
    here.set(take.id, upTo);
    upTo = Math.min(upTo, from.get(take.id));
  }
  const lanes = [];
  const visit = (take, parent) => {
    const own = segments.get(take.id);
    const starts = startsOf(own);
    const first = from.get(take.id);
    const lane = { take, parent, from: first, start: starts[first], end: starts.at(-1), row: lanes.length };
    lane.cells = own.slice(first).map((segment, i) => ({
      take: take.id,
      index: first + i,
      segment,
      start: starts[first + i],
      isHere: first + i < (here.get(take.id) ?? 0),
    }));
    lane.isCurrent = take.id === current;
    lanes.push(lane);
    const children = family.filter((each) => each.parent?.id === take.id);
    children.sort((a, b) => from.get(b.id) - from.get(a.id) || a.created - b.created);
    for (const child of children) visit(child, lane);
  };
  for (const take of family) if (!byId.has(take.parent?.id)) visit(take, null);
  return lanes;
}
