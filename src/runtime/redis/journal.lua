-- The journal inside Redis: everything that must be one step. All keys begin with KEYS[1], which is one hash tag, so
-- a whole cell lies in one slot. What is checked is checked before the first write: a function has no way back.
--   <root>:log        stream, ids 0-<position>: a = '<chain before> <chain> <about, JSON>', t = events as text
--   <root>:s:<key>    hash, one per entity: v version, e highest epoch, c chain, bv and bc version and chain before the
--                     first kept entry, sv version of the snapshot, d and b the last two days with request ids
--   <root>:p:<key>    list: version and position of each kept entry, in turn
--   <root>:n:<key>    snapshot: '<schema> <position> <checksum> <state as text>'
--   <root>:i:<kind>   sorted set of the ids of a kind, all of score 0: byte order
--   <root>:r:<day>:<key>  hash, request id → version: kept until the end of the next day
--   <root>:epochs     hash, counter → number last taken; '' → generation of the store
--   <root>:gone       list: moment and position of entries that compaction has dropped, until they are deleted
--   <root>:store      hash: id of this store, server it was last seen on

local DAY_MS = 86400000
-- Long enough for every process that is connected to have heard of an entry before it is deleted.
local GONE_AFTER_MS = 60000
local GENERATION_SIZE = 4294967296
local CHAIN_SIZE = 4294967296
-- A page of entries ends after so many, or so many bytes, whichever comes first.
local PAGE_ENTRIES = 500
local PAGE_BYTES = 1000000
-- A page of entities ends with the one that brings it over this.
local ENTITY_PAGE_BYTES = 4000000

-- Lua would write large numbers as 1e+15.
local function digits(number)
  return string.format('%.0f', number)
end

local function now_ms()
  local time = redis.call('TIME')
  return tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
end

local function request_key(root, day, key)
  return root .. ':r:' .. day .. ':' .. key
end

-- What the request was answered with, if it is known. `meta` ends with the two days that have some.
local function answered(root, key, meta, request)
  local version = meta[4] and redis.call('HGET', request_key(root, meta[4], key), request)
  return version or meta[5] and redis.call('HGET', request_key(root, meta[5], key), request)
end

-- Days are Redis's own; the caller's clock only says when to look. An id is kept until the end of the next day.
local function remember(root, key, meta, request, version, today)
  local day = meta[4]
  if not day or tonumber(today) > tonumber(day) then
    local now = math.floor(now_ms() / DAY_MS)
    if not day or now > tonumber(day) then
      if day then redis.call('HSET', root .. ':s:' .. key, 'b', day) end
      redis.call('HSET', root .. ':s:' .. key, 'd', now)
      local name = request_key(root, now, key)
      redis.call('HSET', name, request, version)
      redis.call('PEXPIREAT', name, (now + 2) * DAY_MS)
      return
    end
  end
  redis.call('HSET', request_key(root, day, key), request, version)
end

-- Writes one entry at the end of its stream: as strings, since Lua is slow at numbers. `id` is 0-* for the next position.
-- `epoch` is nil if the stream has it already.
local function write_entry(root, id, key, first, version, epoch, before, chain, about, text)
  local header = before .. ' ' .. chain .. ' ' .. about
  local position = string.sub(redis.call('XADD', root .. ':log', id, 'a', header, 't', text), 3)
  if epoch then
    redis.call('HSET', root .. ':s:' .. key, 'v', version, 'c', chain, 'e', epoch)
  else
    redis.call('HSET', root .. ':s:' .. key, 'v', version, 'c', chain)
  end
  redis.call('RPUSH', root .. ':p:' .. key, version, position)
  if first == '0' then
    local slash = string.find(key, '/', 1, true)
    redis.call('ZADD', root .. ':i:' .. string.sub(key, 1, slash - 1), 0, string.sub(key, slash + 1))
  end
  return position
end

local function chain_of(before, crc)
  return (before * 31 + crc) % CHAIN_SIZE
end

-- key, first version, version after it, epoch, fence or '', '+' request id or '', about, text, checksum, day
-- → {1 ok, position, chain} | {2 fenced, epoch} | {3 duplicate, version} | {4 conflict, version}
local function append(keys, args)
  local root, key, fence, request = keys[1], args[1], args[5], args[6]
  local epoch = tonumber(args[4])
  local numbers = redis.call('HMGET', root .. ':epochs', '', fence)
  if numbers[1] or numbers[2] then
    local least = tonumber(numbers[1] or 0) * GENERATION_SIZE
    if fence ~= '' then least = math.max(least, tonumber(numbers[2] or 0)) end
    if epoch < least then return { 2, least } end
  end
  local meta = redis.call('HMGET', root .. ':s:' .. key, 'v', 'e', 'c', 'd', 'b')
  local version, before = meta[1] or '0', meta[3] or '0'
  if meta[2] and epoch < tonumber(meta[2]) then return { 2, tonumber(meta[2]) } end
  local done = request ~= '' and answered(root, key, meta, request)
  if done then return { 3, tonumber(done) } end
  if args[2] ~= version then return { 4, tonumber(version) } end
  local chain = chain_of(before, args[9])
  local higher = meta[2] ~= args[4] and args[4] or nil
  local position = write_entry(root, '0-*', key, version, args[3], higher, before, chain, args[7], args[8])
  if request ~= '' then remember(root, key, meta, request, args[3], args[10]) end
  return { 1, position, chain }
end

-- Position of the last entry ever written, deleted or not.
local function head_of(root)
  local about = redis.pcall('XINFO', 'STREAM', root .. ':log')
  if about.err then
    if redis.call('EXISTS', root .. ':log') == 0 then return 0 end
    error(about)
  end
  for at = 1, #about, 2 do
    if about[at] == 'last-generated-id' then return tonumber(string.sub(about[at + 1], 3)) end
  end
  return 0
end

-- Puts back an entry that this store has lost. position, then as append without the fence, and chain
-- → 1 put back where it was, 2 at a new position, 3 it is there, 4 its stream went on without it
local function restore(keys, args)
  local root, position, key, chain = keys[1], args[1], args[2], args[10]
  local there = redis.call('XRANGE', root .. ':log', '0-' .. position, '0-' .. position)[1]
  if there and string.match(there[2][2], '^%d+ (%d+) ') == chain then return 3 end
  local meta = redis.call('HMGET', root .. ':s:' .. key, 'v', 'e', 'c', 'd', 'b')
  local version, before = meta[1] or '0', meta[3] or '0'
  -- The stream must be the one that the entry was written to: as long, and with the same entries.
  if version ~= args[3] or chain_of(before, args[9]) ~= tonumber(chain) then return 4 end
  local epoch = digits(math.max(tonumber(args[5]), tonumber(meta[2] or 0)))
  local isNext = head_of(root) < tonumber(position)
  local id = isNext and '0-' .. position or '0-*'
  write_entry(root, id, key, version, args[4], epoch, before, chain, args[7], args[8])
  if args[6] ~= '' then remember(root, key, meta, args[6], args[4], args[11]) end
  return isNext and 1 or 2
end

-- Index in the list of a stream, from 0, of the first pair whose version is above `from`.
local function first_after(list, length, from)
  local low, high = 0, length / 2
  while low < high do
    local middle = math.floor((low + high) / 2)
    if tonumber(redis.call('LINDEX', list, middle * 2)) > from then high = middle else low = middle + 1 end
  end
  return low * 2
end

-- Entries of a stream after a version: {isLast, id, header, text, id, header, text …} and their size.
local function entries_after(root, key, from)
  local list = root .. ':p:' .. key
  local length = redis.call('LLEN', list)
  local start = from > 0 and first_after(list, length, from) or 0
  local places = redis.call('LRANGE', list, start, start + 2 * PAGE_ENTRIES - 1)
  local page, size, count = { 1 }, 0, 1
  for at = 2, #places, 2 do
    if size > PAGE_BYTES then
      page[1] = 0
      return page, size
    end
    local id = '0-' .. places[at]
    local found = redis.call('XRANGE', root .. ':log', id, id)[1]
    -- One that is missing shows by the versions of those around it.
    if found then
      page[count + 1], page[count + 2], page[count + 3] = id, found[2][2], found[2][4]
      count = count + 3
      size = size + #found[2][2] + #found[2][4]
    end
  end
  if start + #places < length then page[1] = 0 end
  return page, size
end

-- key, from version → {version, base version, base chain, page}
local function read(keys, args)
  local meta = redis.call('HMGET', keys[1] .. ':s:' .. args[1], 'v', 'bv', 'bc')
  local page = entries_after(keys[1], args[1], tonumber(args[2]))
  return { tonumber(meta[1] or 0), tonumber(meta[2] or 0), tonumber(meta[3] or 0), page }
end

-- keys of entities → for as many of the first as fit {version, base version, base chain, snapshot's version, snapshot, page}
local function load(keys, args)
  local root, answer, total = keys[1], {}, 0
  for index = 1, #args do
    local key = args[index]
    local meta = redis.call('HMGET', root .. ':s:' .. key, 'v', 'bv', 'bc', 'sv')
    local covered = tonumber(meta[4] or 0)
    local snapshot = covered > 0 and redis.call('GET', root .. ':n:' .. key) or ''
    local page, size = entries_after(root, key, covered)
    answer[index] = {
      tonumber(meta[1] or 0), tonumber(meta[2] or 0), tonumber(meta[3] or 0), covered, snapshot, page,
    }
    total = total + size + #snapshot
    if total > ENTITY_PAGE_BYTES then break end
  end
  return answer
end

-- key, version, schema, position, checksum, text → 1 | 0 older than the stored | -1 - the version of a stream that is behind it
local function save_snapshot(keys, args)
  local root, key, version = keys[1], args[1], tonumber(args[2])
  local meta = redis.call('HMGET', root .. ':s:' .. key, 'v', 'sv')
  local current = tonumber(meta[1] or 0)
  if version > current then return -1 - current end
  if not meta[1] or version < tonumber(meta[2] or 0) then return 0 end
  redis.call('HSET', root .. ':s:' .. key, 'sv', version)
  redis.call('SET', root .. ':n:' .. key, args[3] .. ' ' .. args[4] .. ' ' .. args[5] .. ' ' .. args[6])
  return 1
end

-- key → {snapshot's version, snapshot}
local function load_snapshot(keys, args)
  local covered = tonumber(redis.call('HGET', keys[1] .. ':s:' .. args[1], 'sv') or 0)
  return { covered, covered > 0 and redis.call('GET', keys[1] .. ':n:' .. args[1]) or '' }
end

-- kind, id after which or '', limit → {id, version, id, version …}
local function list_keys(keys, args)
  local root, kind = keys[1], args[1]
  local from = args[2] == '' and '-' or '(' .. args[2]
  local ids = redis.call('ZRANGE', root .. ':i:' .. kind, from, '+', 'BYLEX', 'LIMIT', 0, args[3])
  local answer = {}
  for index = 1, #ids do
    answer[2 * index - 1] = ids[index]
    answer[2 * index] = tonumber(redis.call('HGET', root .. ':s:' .. kind .. '/' .. ids[index], 'v') or 0)
  end
  return answer
end

-- position, limit → {isLast, id, header, text, id, header, text …} of the entries after it, dropped ones included
local function log_after(keys, args)
  local limit = math.min(tonumber(args[2]), PAGE_ENTRIES)
  local page, size, count = { 1 }, 0, 1
  local from = '(0-' .. args[1]
  while count < 3 * limit do
    local step = math.min(50, limit - (count - 1) / 3)
    local found = redis.call('XRANGE', keys[1] .. ':log', from, '+', 'COUNT', step)
    for _, entry in ipairs(found) do
      page[count + 1], page[count + 2], page[count + 3] = entry[1], entry[2][2], entry[2][4]
      count = count + 3
      size = size + #entry[2][2] + #entry[2][4]
    end
    if #found < step then return page end
    if size > PAGE_BYTES then break end
    from = '(' .. found[#found][1]
  end
  page[1] = 0
  return page
end

-- keys of entities → versions up to which they are compacted
local function bases(keys, args)
  local answer = {}
  for index = 1, #args do
    answer[index] = tonumber(redis.call('HGET', keys[1] .. ':s:' .. args[index], 'bv') or 0)
  end
  return answer
end

-- Deletes entries that were dropped long enough ago.
local function sweep(root, now)
  local gone = root .. ':gone'
  local places, ids = redis.call('LRANGE', gone, 0, 1999), {}
  for at = 1, #places, 2 do
    if tonumber(places[at]) > now - GONE_AFTER_MS then break end
    ids[#ids + 1] = '0-' .. places[at + 1]
  end
  if #ids == 0 then return end
  redis.call('XDEL', root .. ':log', unpack(ids))
  redis.call('LTRIM', gone, 2 * #ids, -1)
end

-- key, version up to which → 1 when there is more to drop
local function compact(keys, args)
  local root, key, now = keys[1], args[1], now_ms()
  local list, meta = root .. ':p:' .. key, root .. ':s:' .. key
  local covered = math.min(tonumber(args[2]), tonumber(redis.call('HGET', meta, 'sv') or 0))
  local places = redis.call('LRANGE', list, 0, 1999)
  local count = 0
  while count < #places and tonumber(places[count + 1]) <= covered do count = count + 2 end
  sweep(root, now)
  if count == 0 then return 0 end
  local id = '0-' .. places[count]
  local last = redis.call('XRANGE', root .. ':log', id, id)[1]
  if not last then return redis.error_reply('DAMAGED the entry at version ' .. places[count - 1] .. ' is missing') end
  redis.call('HSET', meta, 'bv', places[count - 1], 'bc', string.match(last[2][2], '^%d+ (%d+) '))
  local dropped = {}
  for at = 2, count, 2 do
    dropped[at - 1], dropped[at] = digits(now), places[at]
  end
  redis.call('RPUSH', root .. ':gone', unpack(dropped))
  redis.call('LTRIM', list, count, -1)
  return count == 2000 and 1 or 0
end

local function latest(keys)
  return head_of(keys[1])
end

local function generation_of(root)
  return tonumber(redis.call('HGET', root .. ':epochs', '') or 0)
end

-- The next number of a counter, above all of older generations.
local function take_number(root, name)
  local floor = generation_of(root) * GENERATION_SIZE
  local number = math.max(tonumber(redis.call('HGET', root .. ':epochs', name) or 0), floor) + 1
  redis.call('HSET', root .. ':epochs', name, digits(number))
  return number
end

local function next_epoch(keys, args)
  return take_number(keys[1], args[1])
end

-- position last heard → {store id, server, generation, head, header of the entry at that position}
local function peek(keys, args)
  local root = keys[1]
  local store = redis.call('HMGET', root .. ':store', 'id', 'server')
  local last = redis.call('XRANGE', root .. ':log', '0-' .. args[1], '0-' .. args[1])[1]
  return { store[1] or '', store[2] or '', generation_of(root), head_of(root), last and last[2][2] or '' }
end

-- Takes the store for this server. id for a new store, server, lowest generation, server that peek told
-- → generation. Somebody who was quicker has raised it already; then it is raised only if that was too little.
local function adopt(keys, args)
  local root, server, lowest = keys[1], args[2], tonumber(args[3])
  local store = redis.call('HMGET', root .. ':store', 'id', 'server')
  local generation = generation_of(root)
  if not store[1] then redis.call('HSET', root .. ':store', 'id', args[1]) end
  if store[2] and store[2] ~= server and store[2] ~= args[4] then lowest = math.max(lowest, generation + 1) end
  if generation < lowest then
    generation = lowest
    redis.call('HSET', root .. ':epochs', '', digits(generation))
  end
  redis.call('HSET', root .. ':store', 'server', server)
  return generation
end

register('append', append)
register('restore', restore)
register('save_snapshot', save_snapshot)
register('compact', compact)
register('next_epoch', next_epoch)
register('adopt', adopt)
register('read', read, true)
register('load', load, true)
register('load_snapshot', load_snapshot, true)
register('list_keys', list_keys, true)
register('log_after', log_after, true)
register('bases', bases, true)
register('latest', latest, true)
register('peek', peek, true)
