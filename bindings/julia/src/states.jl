"""
    States(h; noise, power_limit, weights = 1, first = 0)

A batch of channel states on an array of yours, `h[receiver, transmitter, sample]`, which is used in place and never
copied. Noise (W), power limits (W) and weights are one number or one for each link. Powers and rates are of the array's
type: `Float64`, or `Float32`, which is faster and for allocate(), rates(), sinr() and training only.
"""
struct States <: Resource
    handle::Handle
end

free_states(pointer::Ptr{Cvoid}) = @ccall library.pa_states_free(pointer::Ptr{Cvoid})::Cvoid

function States(h::Array{Float64,3}; keys...)
    links, batch = channel_size(h)
    out = Ref{Ptr{Cvoid}}(C_NULL)
    check(@ccall library.pa_states_create(out::Ref{Ptr{Cvoid}}, batch::Csize_t, links::Csize_t, h::Ptr{Cdouble},
                                          1.0::Cdouble, 1.0::Cdouble, C_NULL::Ptr{Cvoid})::Int32)
    return parameters!(States(owned(free_states, out[]; h)); keys...)
end

function States(h::Array{Float32,3}; keys...)
    links, batch = channel_size(h)
    out = Ref{Ptr{Cvoid}}(C_NULL)
    check(@ccall library.pa_states_create_f32(out::Ref{Ptr{Cvoid}}, batch::Csize_t, links::Csize_t, h::Ptr{Cfloat},
                                              1.0::Cdouble, 1.0::Cdouble, C_NULL::Ptr{Cvoid})::Int32)
    return parameters!(States(owned(free_states, out[]; h)); keys...)
end

function channel_size(h::Array)
    check_size(h, "h", size(h, 2), size(h, 2), size(h, 3))
    return size(h, 2), size(h, 3)
end

function parameters!(states::States; noise, power_limit, weights = 1, first::Integer = 0)
    noise!(states, noise)
    power_limit!(states, power_limit)
    weights!(states, weights)
    first!(states, first)
    return states
end

"""
    mixed(parts)

States of several networks, one after the other, as one batch: full or on graphs, of any sizes, of one type. Powers and
rates are vectors, part after part: see split_parts(). The parts are borrowed: what is bound or set is theirs, and they
keep their numbers of samples. For policies, rates(), sinr(), gradient() and training on the sum-rate; batch_size() counts
all samples, links() is 0.
"""
function mixed(parts::AbstractVector{States})
    out = Ref{Ptr{Cvoid}}(C_NULL)
    parts = Vector{States}(parts)
    pointers = Ptr{Cvoid}[Base.unsafe_convert(Ptr{Cvoid}, part) for part in parts]
    GC.@preserve parts check(@ccall library.pa_states_create_mixed(out::Ref{Ptr{Cvoid}}, pointers::Ref{Ptr{Cvoid}},
                                                                   length(pointers)::Csize_t,
                                                                   C_NULL::Ptr{Cvoid})::Int32)
    return States(owned(free_states, out[]; parts))
end

"Parts of mixed states; 1 of others."
part_count(states::States) = Int(@ccall library.pa_states_part_count(states::Ptr{Cvoid})::Csize_t)

"The states that mixed ones are made of; of others they themselves."
parts(states::States) = get(states.handle.keep, :parts, [states])

"Numbers in the powers of the batch."
power_count(states::States) = Int(@ccall library.pa_states_powers(states::Ptr{Cvoid})::Csize_t)

"Size of powers and rates: `(links, batch)`, of mixed states `(power_count,)`."
power_size(states::States) =
    links(states) == 0 ? (power_count(states),) : (links(states), batch_size(states))

"Powers or rates of mixed states as an array `(links, batch)` for each part: copies."
function split_parts(states::States, values::Vector)
    length(values) == power_count(states) || throw(DimensionMismatch("values has $(length(values)) elements"))
    counts = [power_count(part) for part in parts(states)]
    ends = cumsum(counts)
    return [reshape(values[stop-count+1:stop], power_size(part))
            for (part, count, stop) in zip(parts(states), counts, ends)]
end

"Type of channels, powers and rates."
function precision_of(states::States)
    first = @ccall library.pa_states_part(states::Ptr{Cvoid}, 0::Csize_t)::Ptr{Cvoid}
    narrow = GC.@preserve states @ccall library.pa_states_channel_f32(first::Ptr{Cvoid})::Ptr{Cfloat}
    return narrow == C_NULL ? Float64 : Float32
end

"Looks at other channels from now on, the next slot's for example; drops the node state."
function bind!(states::States, h::Array{Float64,3})
    check_size(h, "h", links(states), links(states), size(h, 3))
    check(@ccall library.pa_states_bind(states::Ptr{Cvoid}, size(h, 3)::Csize_t, h::Ptr{Cdouble})::Int32)
    return bound!(states, h)
end

function bind!(states::States, h::Array{Float32,3})
    check_size(h, "h", links(states), links(states), size(h, 3))
    check(@ccall library.pa_states_bind_f32(states::Ptr{Cvoid}, size(h, 3)::Csize_t, h::Ptr{Cfloat})::Int32)
    return bound!(states, h)
end

function bound!(states::States, h)
    delete!(states.handle.keep, :node_state)
    states.handle.keep[:h] = h
    return states
end

"Sets the noise power at the receivers in W: one number or one for each link."
function noise!(states::States, watts)
    values = parameters(watts)
    check(@ccall library.pa_states_set_noise(states::Ptr{Cvoid}, values::Ptr{Cdouble}, length(values)::Csize_t)::Int32)
    return states
end

"Sets the largest power of the transmitters in W: one number or one for each link."
function power_limit!(states::States, watts)
    values = parameters(watts)
    check(@ccall library.pa_states_set_power_limit(states::Ptr{Cvoid}, values::Ptr{Cdouble},
                                                   length(values)::Csize_t)::Int32)
    return states
end

"Sets the weights of the links in the sum-rate: one number or one for each link."
function weights!(states::States, weights)
    values = parameters(weights)
    check(@ccall library.pa_states_set_weights(states::Ptr{Cvoid}, values::Ptr{Cdouble},
                                               length(values)::Csize_t)::Int32)
    return states
end

"Sets the state of the nodes, `x[feature, link, sample]`: used in place like the channels."
function node_state!(states::States, x::Array{Float64,3})
    check_size(x, "x", size(x, 1), links(states), batch_size(states))
    check(@ccall library.pa_states_set_node_state(states::Ptr{Cvoid}, x::Ptr{Cdouble}, size(x, 1)::Csize_t)::Int32)
    states.handle.keep[:node_state] = x
    return states
end

"Sets the powers in W `(links, batch)` that iterative policies start from, those of the last slot: used in place."
function start!(states::States, power::Matrix{Float64})
    check_size(power, "power", links(states), batch_size(states))
    check(@ccall library.pa_states_set_start(states::Ptr{Cvoid}, power::Ptr{Cdouble})::Int32)
    states.handle.keep[:start] = power
    return states
end

"Sets the number that the first sample has in its stream, from 0."
function first!(states::States, first::Integer)
    check(@ccall library.pa_states_set_first(states::Ptr{Cvoid}, first::UInt64)::Int32)
    return states
end

"Samples in the batch."
batch_size(states::States) = Int(@ccall library.pa_states_batch(states::Ptr{Cvoid})::Csize_t)

"Links of a sample."
links(states::States) = Int(@ccall library.pa_states_links(states::Ptr{Cvoid})::Csize_t)

"""
The channels `(links, links, batch)`, or `(slots, batch)` on a graph, in place: while the states are, in a callback until it
returns. Do not write.
"""
function channels(states::States)
    shape = is_sparse(states) ? (slots(states), batch_size(states)) : (links(states), links(states), batch_size(states))
    if precision_of(states) == Float32
        narrow = @ccall library.pa_states_channel_f32(states::Ptr{Cvoid})::Ptr{Cfloat}
        return unsafe_wrap(Array, narrow, shape)
    end
    h = @ccall library.pa_states_channel(states::Ptr{Cvoid})::Ptr{Cdouble}
    return unsafe_wrap(Array, h, shape)
end

"The node state `(features, links, batch)` in place, as channels() gives them; `nothing` if there is none."
function node_state(states::States)
    features = Int(@ccall library.pa_states_node_features(states::Ptr{Cvoid})::Csize_t)
    features == 0 && return nothing
    x = @ccall library.pa_states_node_state(states::Ptr{Cvoid})::Ptr{Cdouble}
    return unsafe_wrap(Array, x, (features, links(states), batch_size(states)))
end

"Noise powers in W: a copy."
noise(states::States) = copied(states, @ccall library.pa_states_noise(states::Ptr{Cvoid})::Ptr{Cdouble})

"Power limits in W: a copy."
power_limit(states::States) = copied(states, @ccall library.pa_states_power_limit(states::Ptr{Cvoid})::Ptr{Cdouble})

"Weights of the links: a copy."
weights(states::States) = copied(states, @ccall library.pa_states_weights(states::Ptr{Cvoid})::Ptr{Cdouble})

copied(states::States, values::Ptr{Cdouble}) = GC.@preserve states copy(unsafe_wrap(Array, values, links(states)))

"Linear signal to interference and noise ratios `(links, batch)`, or a vector of mixed states, for powers of that size in W."
function sinr(states::States, power::VecOrMat{Float64})
    ratio = similar(check_size(power, "power", power_size(states)...))
    check(@ccall library.pa_sinr(states::Ptr{Cvoid}, power::Ptr{Cdouble}, ratio::Ptr{Cdouble})::Int32)
    return ratio
end

function sinr(states::States, power::VecOrMat{Float32})
    ratio = similar(check_size(power, "power", power_size(states)...))
    check(@ccall library.pa_sinr_f32(states::Ptr{Cvoid}, power::Ptr{Cfloat}, ratio::Ptr{Cfloat})::Int32)
    return ratio
end

"Rates log2(1 + SINR) `(links, batch)` in bit/s/Hz, or a vector of mixed states, for powers of that size in W."
function rates(states::States, power::VecOrMat{Float64})
    rate = similar(check_size(power, "power", power_size(states)...))
    check(@ccall library.pa_rates(states::Ptr{Cvoid}, power::Ptr{Cdouble}, rate::Ptr{Cdouble})::Int32)
    return rate
end

function rates(states::States, power::VecOrMat{Float32})
    rate = similar(check_size(power, "power", power_size(states)...))
    check(@ccall library.pa_rates_f32(states::Ptr{Cvoid}, power::Ptr{Cfloat}, rate::Ptr{Cfloat})::Int32)
    return rate
end

"Calls `f` with states that C code lends to a callback."
function lent(f::Function, pointer::Ptr{Cvoid})
    states = States(Handle(pointer))
    try
        return f(states)
    finally
        states.handle.pointer = C_NULL
    end
end
