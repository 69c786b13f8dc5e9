-- Bodies, one JSON per line, from $BODIES; the path from $ROUTE; the result as one line of JSON.
local bodies = {}
for line in io.lines(os.getenv("BODIES")) do bodies[#bodies + 1] = line end
local route, at = os.getenv("ROUTE"), 0
request = function()
  at = at % #bodies + 1
  return wrk.format("POST", route, { ["Content-Type"] = "application/json" }, bodies[at])
end
done = function(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    'JSON {"requests":%d,"rps":%.2f,"p50_ms":%.4f,"p99_ms":%.4f,"errors":%d}\n',
    summary.requests, summary.requests / (summary.duration / 1e6),
    latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
    errors.status + errors.timeout + errors.connect + errors.read + errors.write))
end
