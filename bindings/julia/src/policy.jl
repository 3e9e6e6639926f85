"""
    Policy(name; keys...)

A classical policy with its keys: `Policy("wmmse"; iterations = 4)`. Also load_policy() for model files,
policy_of_callback() for functions of yours, and policy() of a model.
"""
struct Policy <: Resource
    handle::Handle
end

free_policy(pointer::Ptr{Cvoid}) = @ccall library.pa_policy_free(pointer::Ptr{Cvoid})::Cvoid

function Policy(name::AbstractString; keys...)
    out = Ref{Ptr{Cvoid}}(C_NULL)
    check(@ccall library.pa_policy_create(out::Ref{Ptr{Cvoid}}, name::Cstring, C_NULL::Ptr{Cvoid})::Int32)
    return set!(Policy(owned(free_policy, out[])); keys...)
end

"A learned policy from a model file of any kind."
function load_policy(path::AbstractString; keys...)
    out = Ref{Ptr{Cvoid}}(C_NULL)
    check(@ccall library.pa_policy_load(out::Ref{Ptr{Cvoid}}, path::Cstring, C_NULL::Ptr{Cvoid})::Int32)
    return set!(Policy(owned(free_policy, out[])); keys...)
end

function allocate_fn(user::Ptr{Cvoid}, pointer::Ptr{Cvoid}, power::Ptr{Cdouble})::Int32
    return guarded(user) do allocate
        lent(states -> allocate(states, unsafe_wrap(Array, power, (links(states), batch_size(states)))), pointer)
    end
end

"""
    policy_of_callback(allocate)

A policy of yours: `allocate(states, power)` fills `power[link, sample]` in W, each from 0 to the limit. Both arguments
are the library's: use them within the call only.
"""
function policy_of_callback(allocate)
    callback = Callback(allocate)
    out = Ref{Ptr{Cvoid}}(C_NULL)
    code = @cfunction(allocate_fn, Int32, (Ptr{Cvoid}, Ptr{Cvoid}, Ptr{Cdouble}))
    check(@ccall library.pa_policy_create_callback(out::Ref{Ptr{Cvoid}}, code::Ptr{Cvoid},
                                                   user_pointer(callback)::Ptr{Cvoid}, C_NULL::Ptr{Cvoid},
                                                   C_NULL::Ptr{Cvoid})::Int32)
    return Policy(owned(free_policy, out[]; callback))
end

"Names of the classical policies."
policy_names() = [unsafe_string(@ccall library.pa_policy_kind_name(index::Csize_t)::Cstring)
                  for index in 0:Int(@ccall library.pa_policy_kind_count()::Csize_t)-1]

"Name: a classical one, \"callback\", or the kind of model."
name(policy::Policy) = unsafe_string(@ccall library.pa_policy_name(policy::Ptr{Cvoid})::Cstring)

"Sets keys by name: `set!(policy; iterations = 4)`."
function set!(policy::Policy; keys...)
    for (name, value) in keys
        number = key(:policy, name)
        check(@ccall library.pa_policy_set(policy::Ptr{Cvoid}, number::Int32, value::Cdouble)::Int32)
    end
    return policy
end

"Value of a key: `value(policy, :iterations)`."
function value(policy::Policy, name::Symbol)
    found = Ref{Cdouble}()
    number = key(:policy, name)
    check(@ccall library.pa_policy_get(policy::Ptr{Cvoid}, number::Int32, found::Ref{Cdouble})::Int32)
    return found[]
end

"""
    allocate!(power, policy, states; pool = nothing)

Allocates powers in W into `power[link, sample]`, a vector of mixed states, of the type of the states' channels. The library takes its workspace
from the C library. A `Pool` shares the work; the result is the same.
"""
function allocate!(power::VecOrMat{Float64}, policy::Policy, states::States; pool::Union{Pool,Nothing} = nothing)
    check_size(power, "power", power_size(states)...)
    GC.@preserve pool check(disable_sigint() do
        @ccall library.pa_policy_allocate_parallel(policy::Ptr{Cvoid}, states::Ptr{Cvoid}, power::Ptr{Cdouble},
                                                   pool_pointer(pool)::Ptr{Cvoid}, C_NULL::Ptr{Cvoid}, 0::Csize_t)::Int32
    end)
    return power
end

function allocate!(power::VecOrMat{Float32}, policy::Policy, states::States; pool::Union{Pool,Nothing} = nothing)
    check_size(power, "power", power_size(states)...)
    GC.@preserve pool check(disable_sigint() do
        @ccall library.pa_policy_allocate_parallel_f32(policy::Ptr{Cvoid}, states::Ptr{Cvoid}, power::Ptr{Cfloat},
                                                       pool_pointer(pool)::Ptr{Cvoid}, C_NULL::Ptr{Cvoid},
                                                       0::Csize_t)::Int32
    end)
    return power
end

"Powers `(links, batch)`, or a vector of mixed states, in W."
allocate(policy::Policy, states::States; keys...) =
    allocate!(Array{precision_of(states)}(undef, power_size(states)), policy, states; keys...)

"Sets the key price or offset so that the mean total power of a sample is the budget in W on the states."
function meet_budget!(policy::Policy, states::States, budget::Real)
    check(@ccall library.pa_policy_meet_budget(policy::Ptr{Cvoid}, states::Ptr{Cvoid}, budget::Cdouble)::Int32)
    return policy
end

"Writes the file of a learned policy; `note` says how it was made."
function save(policy::Policy, path::AbstractString; note::AbstractString = "")
    check(@ccall library.pa_policy_save(policy::Ptr{Cvoid}, path::Cstring, note::Cstring)::Int32)
end

"Of `Policy(\"optimal\")`: the best powers `(links, batch)`, and upper bounds of the weighted sum-rate in bit/s/Hz."
function certify(policy::Policy, states::States)
    power = Matrix{Float64}(undef, links(states), batch_size(states))
    upper = Vector{Float64}(undef, batch_size(states))
    check(@ccall library.pa_policy_certify(policy::Ptr{Cvoid}, states::Ptr{Cvoid}, power::Ptr{Cdouble},
                                           upper::Ptr{Cdouble})::Int32)
    return power, upper
end

"Outputs of a link of a learned policy: 1, or its number of power levels; 0 for other policies."
output_count(policy::Policy) = Int(@ccall library.pa_policy_output_count(policy::Ptr{Cvoid})::Csize_t)

"""
What powers are drawn from, `(outputs, links, batch)`, of mixed states `(outputs, power_count)`: probability of
transmitting, of each level, or the median power as a part of the limit.
"""
function probabilities(policy::Policy, states::States)
    found = Array{Float64}(undef, output_count(policy), power_size(states)...)
    check(@ccall library.pa_policy_probabilities(policy::Ptr{Cvoid}, states::Ptr{Cvoid}, found::Ptr{Cdouble})::Int32)
    return found
end
