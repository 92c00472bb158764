-- Summaries, one a request, each with an id of its own.
local threads = 0

function setup(thread)
    thread:set("number", threads)
    threads = threads + 1
end

function init(args)
    token, model, day, seed = args[1], args[2], args[3], args[4]
    count = 0
    wrk.method = "POST"
    wrk.path = "/v1/summaries"
    wrk.headers["Content-Type"] = "application/json"
    wrk.headers["Authorization"] = "Bearer " .. token
end

function request()
    count = count + 1
    local id = string.format("%s-%04x-4000-8000-%012x", seed, number, count)
    local bins = string.format('{"class":%d,"confidence":%d,"margin":%d,"latency_log2":%d,"reason":0,"rollback":0,"unknown":0,"length_log2":3,"agreement":0}',
        count % 2, count % 8, count % 8, count % 16)
    local body = string.format('{"summaries":[{"version":1,"id":"%s","model":"%s","day":%s,"cohort":{"locale":"de"},"epsilon":2.0,"bins":%s}]}', id, model, day, bins)
    return wrk.format(nil, nil, nil, body)
end
