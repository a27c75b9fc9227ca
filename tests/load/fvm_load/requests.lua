-- For wrk: sends the requests of a file in turn, over and over. The file: length, newline, request; again and again.
local all, place = {}, 0

function init(args)
  local file = assert(io.open(args[1], "rb"))
  while true do
    local length = file:read("*n")
    if not length then break end
    file:read(1)
    all[#all + 1] = file:read(length)
  end
  file:close()
end

function request()
  place = place % #all + 1
  return all[place]
end

function done(summary, latency)
  local errors = summary.errors
  print(string.format(
    '{"requests":%d,"us":%d,"refused":%d,"broken":%d,"p50":%d,"p95":%d,"p99":%d,"max":%d}',
    summary.requests, summary.duration, errors.status, errors.connect + errors.read + errors.write + errors.timeout,
    latency:percentile(50), latency:percentile(95), latency:percentile(99), latency.max))
end
