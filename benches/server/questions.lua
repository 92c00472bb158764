-- Questions about one small picture, each with an id of its own.
local threads = 0

function setup(thread)
    thread:set("number", threads)
    threads = threads + 1
end

function init(args)
    count, seed = 0, args[2]
    wrk.method = "POST"
    wrk.path = "/v2/models/pictures/infer"
    wrk.headers["Content-Type"] = "application/json"
    wrk.headers["Authorization"] = "Bearer " .. args[1]
    local pixels = {}
    for index = 1, 3072 do
        pixels[index] = index * 7 % 256
    end
    data = table.concat(pixels, ",")
end

function request()
    count = count + 1
    local id = string.format("%s-%04x-4000-8000-%012x", seed, number, count)
    local input = '{"name":"image","shape":[1,32,32,3],"datatype":"UINT8","data":[' .. data .. ']}'
    return wrk.format(nil, nil, nil, '{"id":"' .. id .. '","parameters":{"dunlin_consent":"input"},"inputs":[' .. input .. ']}')
end
