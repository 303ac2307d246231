-- Asks the questions of a file in turn: one request body a line, in which TURN becomes the number of the request.
-- Arguments: the file, and the number to begin after. At the end one line of JSON says what came of it.
local bodies = {}
local turn = 0

function init(args)
  for line in io.lines(args[1]) do
    table.insert(bodies, line)
  end
  turn = tonumber(args[2])
end

function request()
  turn = turn + 1
  local body = bodies[turn % #bodies + 1]:gsub("TURN", turn)
  return wrk.format("POST", nil, nil, body)
end

function done(summary, latency, requests)
  local errors = summary.errors
  io.write(string.format(
    '\n{"requests": %d, "seconds": %f, "p50_ms": %f, "p99_ms": %f, "refused": %d, "broken": %d}\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
    errors.status, errors.connect + errors.read + errors.write + errors.timeout
  ))
end
