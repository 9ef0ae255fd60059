-- Who is a member and who owns which shard; one library with journal.lua, whose epochs the owners' numbers are.
--   <root>:members    hash, id → record as JSON        <root>:revoked   set of ids
--   <root>:presences  hash, id → presence as JSON      <root>:starts    hash, id → incarnation last given
--   <root>:shards     hash, '' → how many, shard → '<epoch> <incarnation> <owner>'
--   <root>:tokens     hash, hash of the secret → '<open or used> <moment of expiry> <role>'

-- A token is forgotten this long after its expiry; until then its use is refused with the reason.
local TOKEN_KEPT_MS = 86400000

local function flat(root, name)
  return redis.call('HGETALL', root .. ':' .. name)
end

-- → {members, revoked, presences, shards, generation}
local function read_table(keys)
  local root = keys[1]
  return {
    flat(root, 'members'), redis.call('SMEMBERS', root .. ':revoked'), flat(root, 'presences'), flat(root, 'shards'),
    generation_of(root),
  }
end

local function initialise(keys, args)
  redis.call('HSETNX', keys[1] .. ':shards', '', args[1])
  return tonumber(redis.call('HGET', keys[1] .. ':shards', ''))
end

local function admit(keys, args)
  redis.call('HSET', keys[1] .. ':members', args[1], args[2])
end

local function revoke(keys, args)
  local root, id = keys[1], args[1]
  if redis.call('HEXISTS', root .. ':members', id) == 1 then redis.call('SADD', root .. ':revoked', id) end
  redis.call('HDEL', root .. ':presences', id)
end

local function remove(keys, args)
  local root, id = keys[1], args[1]
  if redis.call('SISMEMBER', root .. ':revoked', id) == 0 then redis.call('HDEL', root .. ':members', id) end
  redis.call('HDEL', root .. ':presences', id)
end

local function next_incarnation(keys, args)
  return redis.call('HINCRBY', keys[1] .. ':starts', args[1], 1)
end

-- id, incarnation, presence as JSON → reason | as read_table
local function beat(keys, args)
  local root, id = keys[1], args[1]
  if redis.call('HEXISTS', root .. ':members', id) == 0 then return 'unknown' end
  if redis.call('SISMEMBER', root .. ':revoked', id) == 1 then return 'revoked' end
  if tonumber(args[2]) < tonumber(redis.call('HGET', root .. ':starts', id) or 0) then return 'superseded' end
  redis.call('HSET', root .. ':presences', id, args[3])
  return read_table(keys)
end

-- shard, expected epoch, incarnation, owner; again and again → rows '<epoch> <incarnation> <owner>', in the order asked
local function claim_shards(keys, args)
  local root, rows = keys[1], {}
  local shards = root .. ':shards'
  local count = tonumber(redis.call('HGET', shards, '') or 0)
  for at = 1, #args, 4 do
    if tonumber(args[at]) >= count then return redis.error_reply('NOSHARD the cluster has no shard ' .. args[at]) end
  end
  for at = 1, #args, 4 do
    local shard = args[at]
    local row = redis.call('HGET', shards, shard) or '0 0 '
    if tonumber(string.match(row, '^%d+')) == tonumber(args[at + 1]) then
      row = digits(take_number(root, 'shard/' .. shard)) .. ' ' .. args[at + 2] .. ' ' .. args[at + 3]
      redis.call('HSET', shards, shard, row)
    end
    rows[#rows + 1] = row
  end
  return rows
end

-- hash, expiry, role
local function save_token(keys, args)
  local tokens, now = keys[1] .. ':tokens', now_ms()
  local all = redis.call('HGETALL', tokens)
  for at = 1, #all, 2 do
    if tonumber(string.match(all[at + 1], '^%a+ (%d+)')) < now - TOKEN_KEPT_MS then
      redis.call('HDEL', tokens, all[at])
    end
  end
  redis.call('HSET', tokens, args[1], 'open ' .. args[2] .. ' ' .. args[3])
end

-- hash, moment → 'unknown' | 'used' | 'expired' | '+' role
local function use_token(keys, args)
  local tokens = keys[1] .. ':tokens'
  local state, expiry, role = string.match(redis.call('HGET', tokens, args[1]) or '', '^(%a+) (%d+) (.*)$')
  if not state then return 'unknown' end
  if state == 'used' then return 'used' end
  if tonumber(expiry) <= tonumber(args[2]) then return 'expired' end
  redis.call('HSET', tokens, args[1], 'used ' .. expiry .. ' ' .. role)
  return '+' .. role
end

register('initialise', initialise)
register('admit', admit)
register('revoke', revoke)
register('remove', remove)
register('next_incarnation', next_incarnation)
register('beat', beat)
register('claim_shards', claim_shards)
register('save_token', save_token)
register('use_token', use_token)
register('read_table', read_table, true)
