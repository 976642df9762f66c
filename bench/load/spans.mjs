// The usual percentiles of waiting times in ms, by nearest rank: the smallest time that so many were not slower than.
export function spansOf(spans) {
  const sorted = spans.toSorted((a, b) => a - b);
  const at = (part) => sorted[Math.max(0, Math.ceil(sorted.length * part) - 1)] ?? 0;
  const named = { p50: 0.5, p95: 0.95, p99: 0.99, max: 1 };
  return Object.fromEntries(Object.entries(named).map(([name, part]) => [name, Math.round(at(part) * 100) / 100]));
}
