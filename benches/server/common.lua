-- What both kinds of requests have in common: who sends them, and ids of their own.
local threads, count = 0, 0

function setup(thread)
    thread:set("number", threads)
    threads = threads + 1
end

function post(path, token)
    wrk.method = "POST"
    wrk.path = path
    wrk.headers["Content-Type"] = "application/json"
    wrk.headers["Authorization"] = "Bearer " .. token
end

-- The next id, and how many there were.
function next_id(seed)
    count = count + 1
    return string.format("%s-%04x-4000-8000-%012x", seed, number, count), count
end
