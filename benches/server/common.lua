-- What all kinds of requests have in common: who sends them, ids of their own, and where it is asked for how they were answered.
local threads = {}
count = 0
answered = {}

function setup(thread)
    thread:set("number", #threads)
    table.insert(threads, thread)
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

-- From now on each answer is counted by its status and by what Retry-After says.
function count_answers()
    function response(status, headers)
        local kind = status .. " " .. (headers["retry-after"] or "-")
        answered[kind] = (answered[kind] or 0) + 1
        told = ""
        for name, times in pairs(answered) do
            told = told .. "answers " .. name .. " " .. times .. "\n"
        end
    end
end

function done()
    for _, thread in ipairs(threads) do
        io.write(thread:get("told") or "")
    end
end
