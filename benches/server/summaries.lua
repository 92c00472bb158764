-- Summaries, one a request, each with an id of its own.
dofile("common.lua")

function init(args)
    model, day, seed = args[2], args[3], args[4]
    post("/v1/summaries", args[1])
    if args[5] then count_answers() end
end

function request()
    local id, count = next_id(seed)
    local bins = string.format('{"class":%d,"confidence":%d,"margin":%d,"latency_log2":%d,"reason":0,"rollback":0,"unknown":0,"length_log2":3,"agreement":0}',
        count % 2, count % 8, count % 8, count % 16)
    local body = string.format('{"summaries":[{"version":1,"id":"%s","model":"%s","day":%s,"cohort":{"locale":"de"},"epsilon":2.0,"bins":%s}]}', id, model, day, bins)
    return wrk.format(nil, nil, nil, body)
end
