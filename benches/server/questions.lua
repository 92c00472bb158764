-- Questions about one small picture, each with an id of its own.
dofile("common.lua")

function init(args)
    seed = args[2]
    post("/v2/models/pictures/infer", args[1])
    if args[3] then count_answers() end
    local pixels = {}
    for index = 1, 3072 do
        pixels[index] = index * 7 % 256
    end
    data = table.concat(pixels, ",")
end

function request()
    local input = '{"name":"image","shape":[1,32,32,3],"datatype":"UINT8","data":[' .. data .. ']}'
    return wrk.format(nil, nil, nil, '{"id":"' .. (next_id(seed)) .. '","parameters":{"dunlin_consent":"input"},"inputs":[' .. input .. ']}')
end
