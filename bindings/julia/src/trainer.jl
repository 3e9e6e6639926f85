"""
    Trainer(policy, source; seed = 0, keys...)

A trainer of a model's policy, on a Network (fresh states in every step) or on States (random batches of them). Leave
policy and source as they are during a run. With a reward training is model-free; reward, utility and constraints are
set before the first step.
"""
struct Trainer <: Resource
    handle::Handle
    links::Int
end

free_trainer(pointer::Ptr{Cvoid}) = @ccall library.pa_trainer_free(pointer::Ptr{Cvoid})::Cvoid

function Trainer(policy::Policy, network::Network; seed::Integer = 0, keys...)
    out = Ref{Ptr{Cvoid}}(C_NULL)
    check(@ccall library.pa_trainer_create(out::Ref{Ptr{Cvoid}}, policy::Ptr{Cvoid}, network::Ptr{Cvoid}, seed::UInt64,
                                           C_NULL::Ptr{Cvoid})::Int32)
    return set!(Trainer(owned(free_trainer, out[]; policy, source = network), links(network)); keys...)
end

function Trainer(policy::Policy, states::States; seed::Integer = 0, keys...)
    out = Ref{Ptr{Cvoid}}(C_NULL)
    check(@ccall library.pa_trainer_create_on_states(out::Ref{Ptr{Cvoid}}, policy::Ptr{Cvoid}, states::Ptr{Cvoid},
                                                     seed::UInt64, C_NULL::Ptr{Cvoid})::Int32)
    return set!(Trainer(owned(free_trainer, out[]; policy, source = states), maximum(links, parts(states))); keys...)
end

"Sets keys by name: `set!(trainer; batch = 32)`."
function set!(trainer::Trainer; keys...)
    for (name, value) in keys
        number = key(:trainer, name)
        check(@ccall library.pa_trainer_set(trainer::Ptr{Cvoid}, number::Int32, value::Cdouble)::Int32)
    end
    return trainer
end

"Value of a key: `value(trainer, :batch)`."
function value(trainer::Trainer, name::Symbol)
    found = Ref{Cdouble}()
    number = key(:trainer, name)
    check(@ccall library.pa_trainer_get(trainer::Ptr{Cvoid}, number::Int32, found::Ref{Cdouble})::Int32)
    return found[]
end

# ---- the problem of model-free training ----

"A reward and, for rewards whose model is known, its gradient or nothing."
struct Reward
    reward::Any
    gradient::Any
end

function reward_fn(user::Ptr{Cvoid}, pointer::Ptr{Cvoid}, power::Ptr{Cdouble}, reward::Ptr{Cdouble},
                   rewards::Csize_t)::Int32
    return guarded(user) do f
        lent(pointer) do states
            batch = batch_size(states)
            f.reward(states, unsafe_wrap(Array, power, (links(states), batch)),
                     unsafe_wrap(Array, reward, (Int(rewards), batch)))
        end
    end
end

"Trains by imitation of a policy, before the first step."
function teacher!(trainer::Trainer, teacher::Policy)
    check(@ccall library.pa_trainer_set_teacher(trainer::Ptr{Cvoid}, teacher::Ptr{Cvoid})::Int32)
    trainer.handle.keep[:teacher] = teacher
    return trainer
end

"Trains on a `Pool` instead of threads of each run's own; the weights are the same."
function pool!(trainer::Trainer, pool::Pool)
    check(@ccall library.pa_trainer_set_pool(trainer::Ptr{Cvoid}, pool::Ptr{Cvoid})::Int32)
    trainer.handle.keep[:pool] = pool
    return trainer
end

function reward_gradient_fn(user::Ptr{Cvoid}, pointer::Ptr{Cvoid}, power::Ptr{Cdouble}, weight::Ptr{Cdouble},
                            gradient::Ptr{Cdouble}, rewards::Csize_t)::Int32
    return guarded(user) do f
        lent(pointer) do states
            shape = (links(states), batch_size(states))
            f.gradient(states, unsafe_wrap(Array, power, shape), unsafe_wrap(Array, weight, Int(rewards)),
                       unsafe_wrap(Array, gradient, shape))
        end
    end
end

"""
    reward!(reward, trainer; rewards = links, gradient = nothing)

Trains model-free: `reward(states, power, reward)` fills `reward[k, sample]` for `power[link, sample]` in W; it may
return `CALLBACK_SKIP` or `CALLBACK_STOP`. `gradient(states, power, weight, gradient)` fills `gradient[link, sample]`,
the derivative in power of the sum of the rewards times `weight`. The arguments are the library's: use them within the
call only, and do not write to power and weight. With `precision = 1` the states are of `Float32`; powers and rewards are
of `Float64` always.
"""
function reward!(reward, trainer::Trainer; rewards::Integer = trainer.links, gradient = nothing)
    callback = Callback(Reward(reward, gradient))
    code = @cfunction(reward_fn, Int32, (Ptr{Cvoid}, Ptr{Cvoid}, Ptr{Cdouble}, Ptr{Cdouble}, Csize_t))
    check(@ccall library.pa_trainer_set_reward(trainer::Ptr{Cvoid}, rewards::Csize_t, code::Ptr{Cvoid},
                                               user_pointer(callback)::Ptr{Cvoid}, C_NULL::Ptr{Cvoid})::Int32)
    trainer.handle.keep[:reward] = callback
    trainer.handle.keep[:rewards] = Int(rewards)
    slope = @cfunction(reward_gradient_fn, Int32,
                       (Ptr{Cvoid}, Ptr{Cvoid}, Ptr{Cdouble}, Ptr{Cdouble}, Ptr{Cdouble}, Csize_t))
    slope = gradient === nothing ? C_NULL : slope
    check(@ccall library.pa_trainer_set_reward_gradient(trainer::Ptr{Cvoid}, slope::Ptr{Cvoid})::Int32)
    return trainer
end

"Maximises a utility of the mean rewards, `UTILITY_SUM` or another, with weights; empty: all 1."
function utility!(trainer::Trainer, utility::Int32, weights::Vector{Float64} = Float64[])
    check(@ccall library.pa_trainer_set_utility(trainer::Ptr{Cvoid}, utility::Int32, weights::Ptr{Cdouble},
                                                length(weights)::Csize_t)::Int32)
    delete!(trainer.handle.keep, :utility)
    return trainer
end

function utility_fn(user::Ptr{Cvoid}, mean::Ptr{Cdouble}, rewards::Csize_t, value::Ptr{Cdouble},
                    gradient::Ptr{Cdouble})::Int32
    return guarded(user) do utility
        u = utility(unsafe_wrap(Array, mean, Int(rewards)), unsafe_wrap(Array, gradient, Int(rewards)))
        unsafe_store!(value, u)
    end
end

"A utility of yours: `utility(mean, gradient)` returns the utility of the mean rewards and fills its gradient."
function utility!(utility, trainer::Trainer)
    callback = Callback(utility)
    code = @cfunction(utility_fn, Int32, (Ptr{Cvoid}, Ptr{Cdouble}, Csize_t, Ptr{Cdouble}, Ptr{Cdouble}))
    check(@ccall library.pa_trainer_set_utility_callback(trainer::Ptr{Cvoid}, code::Ptr{Cvoid},
                                                         user_pointer(callback)::Ptr{Cvoid}, C_NULL::Ptr{Cvoid})::Int32)
    trainer.handle.keep[:utility] = callback
    return trainer
end

"Adds a constraint, `CONSTRAINT_MEAN_POWER` or another, with its bound: one number, or one for each link or reward."
function constraint!(trainer::Trainer, constraint::Int32, bound = Float64[])
    values = parameters(bound)
    check(@ccall library.pa_trainer_add_constraint(trainer::Ptr{Cvoid}, constraint::Int32, values::Ptr{Cdouble},
                                                   length(values)::Csize_t)::Int32)
    return trainer
end

function constraint_fn(user::Ptr{Cvoid}, mean::Ptr{Cdouble}, rewards::Csize_t, value::Ptr{Cdouble},
                       jacobian::Ptr{Cdouble}, n::Csize_t)::Int32
    return guarded(user) do constraint
        constraint(unsafe_wrap(Array, mean, Int(rewards)), unsafe_wrap(Array, value, Int(n)),
                   unsafe_wrap(Array, jacobian, (Int(rewards), Int(n))))
    end
end

"""
    constraint!(constraint, trainer, n = 1)

Adds n constraints of yours: `constraint(mean, value, jacobian)` fills `value[k]`, >= 0 where it is met, and
`jacobian[reward, k]` for the mean rewards.
"""
function constraint!(constraint, trainer::Trainer, n::Integer = 1)
    callback = Callback(constraint)
    code = @cfunction(constraint_fn, Int32, (Ptr{Cvoid}, Ptr{Cdouble}, Csize_t, Ptr{Cdouble}, Ptr{Cdouble}, Csize_t))
    check(@ccall library.pa_trainer_add_constraint_callback(trainer::Ptr{Cvoid}, n::Csize_t, code::Ptr{Cvoid},
                                                            user_pointer(callback)::Ptr{Cvoid},
                                                            C_NULL::Ptr{Cvoid})::Int32)
    push!(get!(trainer.handle.keep, :constraints, Callback[]), callback)
    return trainer
end

"Dual variables and violations of all constraints; violations are relative to the bounds, > 0: not met."
function constraints(trainer::Trainer)
    n = Int(@ccall library.pa_trainer_constraint_count(trainer::Ptr{Cvoid})::Csize_t)
    dual, violation = Vector{Float64}(undef, n), Vector{Float64}(undef, n)
    check(@ccall library.pa_trainer_constraints(trainer::Ptr{Cvoid}, dual::Ptr{Cdouble}, violation::Ptr{Cdouble},
                                                n::Csize_t)::Int32)
    return dual, violation
end

"Mean rewards on the held-out states with the weights kept."
function mean_rewards(trainer::Trainer)
    mean = Vector{Float64}(undef, get(trainer.handle.keep, :rewards, trainer.links))
    check(@ccall library.pa_trainer_mean_rewards(trainer::Ptr{Cvoid}, mean::Ptr{Cdouble}, length(mean)::Csize_t)::Int32)
    return mean
end

"Weights of the links that a policy with `REGNN_INPUT_WEIGHT` was trained with."
function link_weights(trainer::Trainer)
    found = Vector{Float64}(undef, trainer.links)
    check(@ccall library.pa_trainer_link_weights(trainer::Ptr{Cvoid}, found::Ptr{Cdouble},
                                                 length(found)::Csize_t)::Int32)
    return found
end

# ---- runs ----

progress_fn(user::Ptr{Cvoid}, ::Ptr{Cvoid})::Int32 = guarded(tell -> tell(), user)

"""
    run!(trainer, steps; progress = nothing, every = 100)

Trains for a number of steps, more if called again. `progress(trainer)` is called every so many steps and after the
last; it may return `CALLBACK_STOP`. However it ends, the policy then has the weights that were best on the held-out
states. Exceptions of callbacks are thrown again after the call; Ctrl-C ends the run. Returns 0, `STOPPED` or
`INFEASIBLE`.
"""
function run!(trainer::Trainer, steps::Integer; progress = nothing, every::Integer = 100)
    last = statistic(trainer, TRAINER_STAT_STEP) + steps
    callback = Callback() do # in every step, so that Ctrl-C is heard
        step = statistic(trainer, TRAINER_STAT_STEP)
        if progress !== nothing && (step % every == 0 || step == last)
            return progress(trainer)
        end
    end
    code = @cfunction(progress_fn, Int32, (Ptr{Cvoid}, Ptr{Cvoid}))
    GC.@preserve callback begin
        check(@ccall library.pa_trainer_set_progress(trainer::Ptr{Cvoid}, 1::UInt64, code::Ptr{Cvoid},
                                                     user_pointer(callback)::Ptr{Cvoid}, C_NULL::Ptr{Cvoid})::Int32)
        status = disable_sigint() do
            @ccall library.pa_trainer_run(trainer::Ptr{Cvoid}, steps::UInt64)::Int32
        end
        @ccall library.pa_trainer_set_progress(trainer::Ptr{Cvoid}, 1::UInt64, C_NULL::Ptr{Cvoid}, C_NULL::Ptr{Cvoid},
                                               C_NULL::Ptr{Cvoid})::Int32
    end
    return check(status)
end

"Ends the run after its present step; from any thread."
request_stop(trainer::Trainer) = @ccall library.pa_trainer_request_stop(trainer::Ptr{Cvoid})::Cvoid

"A number that the trainer tells of its run, `TRAINER_STAT_STEP` or another; NaN where there is none yet."
function statistic(trainer::Trainer, what::Int32)
    found = Ref{Cdouble}()
    check(@ccall library.pa_trainer_stat(trainer::Ptr{Cvoid}, what::Int32, found::Ref{Cdouble})::Int32)
    return found[]
end

"Writes a checkpoint: weights, optimiser, position in the streams."
function save(trainer::Trainer, path::AbstractString)
    check(@ccall library.pa_trainer_save(trainer::Ptr{Cvoid}, path::Cstring)::Int32)
end

"Goes back to a checkpoint, before the first run; the next run continues bit for bit."
function resume!(trainer::Trainer, path::AbstractString)
    check(@ccall library.pa_trainer_resume(trainer::Ptr{Cvoid}, path::Cstring)::Int32)
    return trainer
end
