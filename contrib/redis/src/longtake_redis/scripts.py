"""What runs on the server in one step: a change of rows, and a page of them."""

from __future__ import annotations

import hashlib
from typing import Any

from attrs import field, frozen
from redis.exceptions import NoScriptError

from longtake_redis.connections import ask
from longtake_redis.pipeline import Connection

__all__ = ["LOST", "SCAN", "WRITE", "Script"]

LOST = "LTLOST"
"""How the error begins that says that a row is gone which nobody deleted."""


@frozen
class Script:
    """A script in Lua. It begins with no ``#!``: with it a full server would refuse it unseen."""

    text: bytes
    digest: bytes = field(init=False)

    @digest.default
    def _digest(self) -> bytes:
        return hashlib.sha1(self.text).hexdigest().encode()

    def run(self, connection: Connection, keys: list[bytes], arguments: list[bytes]) -> Any:
        """What it returns. A server that does not know it (any longer) is sent the text."""
        told = (b"%d" % len(keys), *keys, *arguments)
        try:
            return ask(connection, b"EVALSHA", self.digest, *told)
        except NoScriptError:  # nothing of it ran
            return ask(connection, b"EVAL", self.text, *told)


WRITE = Script(
    b"""\
-- KEYS: the index; the rows that are expected, to be deleted, to be put.
-- ARGV: how many are expected, how many to be deleted, where a row's name begins in its key;
--   of each expected row '=' and its value, or nothing where it must be absent; values to put.
local index, num_expected, num_deletes = KEYS[1], tonumber(ARGV[1]), tonumber(ARGV[2])
local first_put = num_expected + num_deletes + 2
local function name(i) return string.sub(KEYS[i], tonumber(ARGV[3])) end
local function value(i) return ARGV[i - num_deletes + 2] end

for i = 1, num_expected do
    local row = redis.call('GET', KEYS[1 + i])
    if (row and '=' .. row or '') ~= ARGV[3 + i] then return 0 end
end

-- A command that is refused half-way would leave half of the change.
if redis.acl_check_cmd then
    for i = num_expected + 2, #KEYS do
        local is_put = i >= first_put
        local may = is_put and redis.acl_check_cmd('SET', KEYS[i], '')
            and redis.acl_check_cmd('ZADD', index, '0', name(i))
        may = may or not is_put and redis.acl_check_cmd('ZREM', index, name(i))
        if not may or not redis.acl_check_cmd('UNLINK', KEYS[i]) then
            return redis.error_reply('NOPERM this user may not write rows')
        end
    end
end

-- The index first: it is the only key of another type, which might be somebody else's.
for i = first_put, #KEYS do
    local reply = redis.pcall('ZADD', index, '0', name(i))
    if type(reply) == 'table' and reply.err then
        -- A full server refuses what would write first; what makes no more of it is let through.
        local grown = 0
        for j = num_expected + 2, #KEYS do
            grown = grown - redis.call('STRLEN', KEYS[j])
            if j >= first_put then grown = grown + #value(j) end
        end
        if not string.find(reply.err, 'OOM') or grown > 0 then return reply end
        redis.call('UNLINK', KEYS[i])
        redis.call('ZADD', index, '0', name(i))
    end
end
for i = num_expected + 2, first_put - 1 do
    redis.call('ZREM', index, name(i))
    redis.call('UNLINK', KEYS[i])
end
for i = first_put, #KEYS do redis.call('SET', KEYS[i], value(i)) end
return 1
"""
)

SCAN = Script(
    b"""\
-- KEYS: the index. ARGV: the first name, the first that is too far, how many, how keys begin.
local bounds = {'[' .. ARGV[1], '(' .. ARGV[2]}
local names = redis.call('ZRANGEBYLEX', KEYS[1], bounds[1], bounds[2], 'LIMIT', '0', ARGV[3])
local found = {}
for i, name in ipairs(names) do
    local row = redis.call('GET', ARGV[4] .. name)
    if not row then return redis.error_reply('"""
    + LOST.encode()
    + b""" a row is gone') end
    found[2 * i - 1], found[2 * i] = name, row
end
return found
"""
)
